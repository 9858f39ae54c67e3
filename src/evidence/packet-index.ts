import { type Endpoint, formatEndpoint } from '../tcp/endpoint.ts';
import { headersOf, identityOf, packetLength } from '../tcp/segment.ts';
import type { Connection } from './connection.ts';
import type { Captured, Crafted, Dropped, HostName, KernelDropped } from './events.ts';
import type { Timeline } from './timeline.ts';

/** A packet as one host saw it. */
export type Sighting = Captured | Dropped;

/** The packets of one connection, in the order of the timeline. */
export interface Packets {
  readonly seen: readonly Sighting[];
  readonly crafted: readonly Crafted[];
  /** What the kernel says that it dropped. */
  readonly discarded: readonly KernelDropped[];
}

/** Of each timeline that was asked, its packets by connection, and how many events it had then. */
const indexes = new WeakMap<Timeline, { events: number; byConnection: ReadonlyMap<string, Packets> }>();

/** Thousands of connections may be on a timeline: it is gone through once for all of them. */
export function packetsOn(timeline: Timeline, { client, server }: Connection): Packets {
  let index = indexes.get(timeline);
  if (index?.events !== timeline.length) {
    index = { events: timeline.length, byConnection: byConnection(timeline) };
    indexes.set(timeline, index);
  }
  return index.byConnection.get(keyOf(client, server)) ?? { seen: [], crafted: [], discarded: [] };
}

function byConnection(timeline: Timeline): Map<string, Packets> {
  const found = new Map<string, { seen: Sighting[]; crafted: Crafted[]; discarded: KernelDropped[] }>();
  for (const event of timeline) {
    if (!('wire' in event)) continue;
    const { source, destination } = event.wire.kind === 'tcp' ? event.wire.segment : event.wire.error.quoted;
    const key = keyOf(source, destination);
    let same = found.get(key);
    if (!same) {
      same = { seen: [], crafted: [], discarded: [] };
      found.set(key, same);
    }
    if (event.type === 'crafted') same.crafted.push(event);
    else if (event.type === 'kernel-dropped') same.discarded.push(event);
    else same.seen.push(event);
  }
  return found;
}

/** The same for both directions. */
function keyOf(one: Endpoint, other: Endpoint): string {
  return [one, other].map(formatEndpoint).sort().join(' ');
}

/** Gives each event away once, to whoever asks first for its host and the same packet. */
export class Matcher<T extends { host: HostName; bytes: string }> {
  readonly #waiting = new Map<string, T[]>();

  constructor(events: readonly T[]) {
    for (const event of events) {
      const key = event.host + identityOfEvent(event);
      const same = this.#waiting.get(key);
      if (same) same.push(event);
      else this.#waiting.set(key, [event]);
    }
  }

  take(host: HostName, packet: { bytes: string }): T | undefined {
    return this.#waiting.get(host + identityOfEvent(packet))?.shift();
  }

  /** Those of a host that nobody has taken. */
  left(host: HostName): T[] {
    return [...this.#waiting.values()].flat().filter((event) => event.host === host);
  }
}

/** Of packets whose identity was asked for: each is by many folds. */
const identities = new WeakMap<{ bytes: string }, string>();

/** Longer packets are told apart by their headers: captures and logs keep only so much of each, and not the same. */
const LONGEST_WHOLE = 2048;

export function identityOfEvent(event: { bytes: string }): string {
  let identity = identities.get(event);
  if (identity === undefined) {
    const packet = Buffer.from(event.bytes, 'base64');
    const headers = packetLength(packet) > LONGEST_WHOLE ? headersOf(packet) : undefined;
    identity = identityOf(headers ?? packet);
    identities.set(event, identity);
  }
  return identity;
}

/** The same of their headers alone. */
const heads = new WeakMap<{ bytes: string }, string>();

export function headOfEvent(event: { bytes: string }): string {
  let head = heads.get(event);
  if (head === undefined) {
    const packet = Buffer.from(event.bytes, 'base64');
    head = identityOf(headersOf(packet) ?? packet);
    heads.set(event, head);
  }
  return head;
}
