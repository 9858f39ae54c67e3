import type { Input } from '../tcp/fold.ts';
import type { Segment, WirePacket } from '../tcp/segment.ts';
import { seqAdd } from '../tcp/sequence.ts';
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
  const arrivals = new Matcher(seen.filter(isArrival));
  const drops = dropsOfArrivals(seen);
  const sent = seen.filter((event) =>
    event.type === 'captured' ? event.direction === 'sent' : event.hook === 'out',
  );
  return sent.map((event): Passage => {
    const { atMs, host, wire, bytes } = event;
    const base = { atMs, host, wire, bytes };
    if (event.type === 'dropped') return { ...base, arrivedMs: null, fate: { dropped: event } };
    const arrival = arrivals.take(otherHost(host), bytes);
    const drop = arrival && drops.get(arrival);
    const fate = drop ? { dropped: drop } : arrival ? 'delivered' : 'lost';
    return { ...base, arrivedMs: arrival?.atMs ?? null, fate };
  });
}

/** What one end sent (even if a rule stopped it at once) and what its TCP was really given, in order. */
export function inputsOf(timeline: Timeline, connection: Connection, host: HostName): Input[] {
  const seen = sightings(timeline, connection).filter((event) => event.host === host);
  const drops = dropsOfArrivals(seen);
  const crafted = new Matcher(timeline.of('crafted'));
  const refusals = new Refusals(timeline, seen);
  const inputs: Input[] = [];
  for (const event of seen) {
    const leaves = event.type === 'dropped' ? event.hook === 'out' : event.direction === 'sent';
    const kept = !leaves && (event.type === 'dropped' || drops.has(event));
    const { atMs, wire } = event;
    // What was crafted here, or sent by the firewall, no socket of this host has sent.
    if (kept || (leaves && (crafted.take(host, event.bytes) || refusals.take(event)))) continue;
    if (wire.kind === 'tcp')
      inputs.push({ atMs, direction: leaves ? 'sent' : 'received', segment: wire.segment });
    else if (!leaves) inputs.push({ atMs, direction: 'received', icmp: wire.error });
  }
  return inputs;
}

function isArrival(event: Captured | Dropped): event is Captured {
  return event.type === 'captured' && event.direction === 'received';
}

/** NFLOG gives the packet's own stamp, in whole microseconds. */
const STAMPS_AGREE_MS = 0.002;

/** Which arrivals rules dropped, and which drop each was: of the same bytes the last that had arrived by then. */
function dropsOfArrivals(seen: readonly (Captured | Dropped)[]): Map<Captured | Dropped, Dropped> {
  const drops = new Map<Captured | Dropped, Dropped>();
  const arrivals = seen.filter(isArrival);
  for (const drop of seen.toReversed()) {
    if (drop.type !== 'dropped' || drop.hook !== 'in') continue;
    const arrival = arrivals.findLast(
      (event) =>
        event.host === drop.host &&
        event.bytes === drop.bytes &&
        event.atMs <= drop.atMs + STAMPS_AGREE_MS &&
        !drops.has(event),
    );
    if (arrival) drops.set(arrival, drop);
  }
  return drops;
}

/** The RSTs with which rules answer what they drop: sent by the host, and by none of its sockets. */
class Refusals {
  readonly #unanswered: Dropped[];

  constructor(timeline: Timeline, seen: readonly (Captured | Dropped)[]) {
    const rejecting = new Set(
      timeline
        .of('rule-set')
        .flatMap(({ rule, text }) => (text.endsWith('reject with tcp reset') ? rule : [])),
    );
    this.#unanswered = seen.filter(
      (event): event is Dropped =>
        event.type === 'dropped' && event.hook === 'in' && rejecting.has(event.rule),
    );
  }

  /** Whether this is one; each drop is answered once. */
  take({ atMs, wire }: Captured | Dropped): boolean {
    if (wire.kind !== 'tcp' || !wire.segment.flags.includes('R')) return false;
    const { segment: rst } = wire;
    const answered = this.#unanswered.findIndex(
      (drop) => drop.atMs <= atMs && drop.wire.kind === 'tcp' && refuses(rst, drop.wire.segment),
    );
    if (answered >= 0) this.#unanswered.splice(answered, 1);
    return answered >= 0;
  }
}

/** An RST in answer to a segment that met no connection has its numbers from that segment (RFC 9293, 3.10.7.1). */
function refuses(rst: Segment, segment: Segment): boolean {
  if (segment.ack !== null) return rst.ack === null && rst.seq === segment.ack;
  const controls = Number(segment.flags.includes('S')) + Number(segment.flags.includes('F'));
  return rst.seq === 0 && rst.ack === seqAdd(segment.seq, segment.length + controls);
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
