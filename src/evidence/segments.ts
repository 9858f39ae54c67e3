import type { Input } from '../tcp/fold.ts';
import type { WirePacket } from '../tcp/segment.ts';
import { belongs, type Connection } from './connection.ts';
import { type Captured, type Dropped, type HostName, otherHost } from './events.ts';
import type { Timeline } from './timeline.ts';

/** One packet of a connection, from the host that sent it to what became of it. */
export interface Passage {
  atMs: number;
  /** The host that sent it. */
  host: HostName;
  wire: WirePacket;
  bytes: string;
  /** When the other host's capture saw it; null when it did not. */
  arrivedMs: number | null;
  /** `lost`: it was sent, nobody dropped it, and it was not seen to arrive. */
  fate: 'delivered' | 'lost' | { dropped: Dropped };
}

/**
 * The packets of a connection in the order in which they were sent. Captures and drops are joined by their bytes:
 * a host that sees the same bytes twice sees them in the order in which they were sent.
 */
export function passages(timeline: Timeline, connection: Connection): Passage[] {
  const seen = sightings(timeline, connection);
  const arrivals = new Matcher(
    seen.filter((event) => event.type === 'captured' && event.direction === 'received'),
  );
  const dropsIn = new Matcher(seen.filter((event) => event.type === 'dropped' && event.hook === 'in'));
  const sent = seen.filter((event) =>
    event.type === 'captured' ? event.direction === 'sent' : event.hook === 'out',
  );
  return sent.map((event): Passage => {
    const { atMs, host, wire, bytes } = event;
    const base = { atMs, host, wire, bytes };
    if (event.type === 'dropped') return { ...base, arrivedMs: null, fate: { dropped: event } };
    const arrival = arrivals.take(otherHost(host), bytes);
    const drop = arrival && dropsIn.take(otherHost(host), bytes);
    const fate = drop ? { dropped: drop as Dropped } : arrival ? 'delivered' : 'lost';
    return { ...base, arrivedMs: arrival?.atMs ?? null, fate };
  });
}

/** What one end sent (even if a rule stopped it at once) and what its TCP was really given, in order. */
export function inputsOf(timeline: Timeline, connection: Connection, host: HostName): Input[] {
  const seen = sightings(timeline, connection).filter((event) => event.host === host);
  const dropsIn = new Matcher(seen.filter((event) => event.type === 'dropped' && event.hook === 'in'));
  const crafted = new Matcher(timeline.of('crafted'));
  const inputs: Input[] = [];
  for (const event of seen) {
    const leaves = event.type === 'dropped' ? event.hook === 'out' : event.direction === 'sent';
    const kept = !leaves && (event.type === 'dropped' || dropsIn.take(host, event.bytes) !== undefined);
    const { atMs, wire } = event;
    // What was crafted here, no socket of this host has sent.
    if (kept || (leaves && crafted.take(host, event.bytes))) continue;
    if (wire.kind === 'tcp')
      inputs.push({ atMs, direction: leaves ? 'sent' : 'received', segment: wire.segment });
    else if (!leaves) inputs.push({ atMs, direction: 'received', icmp: wire.error });
  }
  return inputs;
}

function sightings(timeline: Timeline, connection: Connection): (Captured | Dropped)[] {
  const ours = ({ wire }: Captured | Dropped) => {
    const { source, destination } = wire.kind === 'tcp' ? wire.segment : wire.error.quoted;
    return belongs(connection, source, destination);
  };
  return [...timeline].filter(
    (event): event is Captured | Dropped =>
      (event.type === 'captured' || event.type === 'dropped') && ours(event),
  );
}

/** Gives each event away once, to whoever asks first for its host and bytes. */
class Matcher<T extends { host: HostName; bytes: string }> {
  readonly #waiting = new Map<string, T[]>();

  constructor(events: T[]) {
    for (const event of events) {
      const key = event.host + event.bytes;
      const same = this.#waiting.get(key);
      if (same) same.push(event);
      else this.#waiting.set(key, [event]);
    }
  }

  take(host: HostName, bytes: string): T | undefined {
    return this.#waiting.get(host + bytes)?.shift();
  }
}
