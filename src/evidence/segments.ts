import { type Endpoint, formatEndpoint } from '../tcp/endpoint.ts';
import type { Input } from '../tcp/fold.ts';
import { headersOf, identityOf, type Segment, type WirePacket } from '../tcp/segment.ts';
import { seqAdd, seqDistance } from '../tcp/sequence.ts';
import type { Connection } from './connection.ts';
import { type DropEffect, dropEffect } from './drop-reasons.ts';
import {
  type Captured,
  type Crafted,
  type Dropped,
  type HostName,
  type KernelDropped,
  otherHost,
} from './events.ts';
import { mustBeTimeline, type Timeline } from './timeline.ts';

/** One packet of a connection, from the host that sent it to what became of it. */
export interface Passage {
  atMs: number;
  /** The host that sent it. */
  host: HostName;
  wire: WirePacket;
  bytes: string;
  /** When the other host's capture saw it; null when it did not. */
  arrivedMs: number | null;
  /**
   * `lost`: it was sent, nobody dropped it, and it was not seen to arrive. `unseen`: nothing is seen of what arrives at the
   * other host. `discarded`: the kernel of either host says that it dropped it, and no rule of the lab did.
   */
  fate: 'delivered' | 'lost' | 'unseen' | { dropped: Dropped } | { discarded: KernelDropped };
}

/**
 * The packets of a connection in the order in which they were sent. Captures and drops are joined by their bytes:
 * a host that sees the same bytes twice sees them in the order in which they were sent.
 */
export function passages(timeline: Timeline, connection: Connection): Passage[] {
  mustBeTimeline('passages', timeline);
  const packets = packetsOn(timeline, connection);
  const { seen } = packets;
  const arrivals = new Matcher(seen.filter(isArrival));
  const drops = dropsOfArrivals(seen);
  const discards = discardsOf(packets);
  const about = timeline.of('lab-opened')[0]?.hosts;
  const sent = [...seen, ...discards.unsent].filter(isDeparture).sort((a, b) => a.atMs - b.atMs);
  const taken = sent.map((event) =>
    event.type === 'captured' ? arrivals.take(otherHost(event.host), event) : undefined,
  );
  return sent.map((event, index): Passage => {
    const { atMs, host, wire, bytes } = event;
    const base = { atMs, host, wire, bytes };
    if (event.type === 'dropped') return { ...base, arrivedMs: null, fate: { dropped: event } };
    if (event.type === 'kernel-dropped') return { ...base, arrivedMs: null, fate: { discarded: event } };
    const unseen = about?.[otherHost(host)].noPackets ? 'unseen' : 'lost';
    const arrived = taken[index] ? [taken[index]] : partsOf(event, arrivals.left(otherHost(host)));
    const drop = arrived.map((arrival) => drops.get(arrival)).find(Boolean);
    const discarded = [event, ...arrived].map((sighting) => discards.of.get(sighting)).find(Boolean);
    const received = arrived.length > 0 ? 'delivered' : unseen;
    const fate = drop ? { dropped: drop } : discarded ? { discarded } : received;
    return { ...base, arrivedMs: arrived.at(-1)?.atMs ?? null, fate };
  });
}

/**
 * A card, or what stands for one, may cut a long segment into several (TSO), or join several that arrive (GRO). So what was
 * sent has also arrived when others hold all of its octets: these are given, and none when an octet is missing.
 */
function partsOf({ atMs, wire }: Captured, arrivals: readonly Captured[]): Captured[] {
  if (wire.kind !== 'tcp') return [];
  const { seq, length } = wire.segment;
  if (length === 0)
    return arrivals.filter((arrival) => arrival.atMs >= atMs && isAlike(arrival, wire.segment)).slice(0, 1);
  const parts: Captured[] = [];
  let covered = 0;
  for (const arrival of arrivals) {
    if (arrival.wire.kind !== 'tcp' || arrival.atMs < atMs) continue;
    const from = seqDistance(arrival.wire.segment.seq, seq);
    const to = from + arrival.wire.segment.length;
    if (from > covered || to <= covered) continue;
    parts.push(arrival);
    covered = to;
    if (covered >= length) return parts;
  }
  return [];
}

/** An input of an end, as far as anybody knows. */
export type SeenInput = Input & {
  /** Why it can't be known whether it had an effect. */
  doubt?: string;
};

/** What one end sent (even if a rule or the kernel stopped it at once) and what its TCP was really given, in order. */
export function inputsOf(timeline: Timeline, connection: Connection, host: HostName): SeenInput[] {
  const packets = packetsOn(timeline, connection);
  const seen = packets.seen.filter((event) => event.host === host);
  const drops = dropsOfArrivals(seen);
  const discards = discardsOf(packets);
  const unsent = discards.unsent.filter((event) => event.host === host);
  const crafted = new Matcher(packets.crafted);
  const refusals = new Refusals(timeline, seen);
  const inputs: SeenInput[] = [];
  const all = unsent.length > 0 ? [...seen, ...unsent].sort((a, b) => a.atMs - b.atMs) : seen;
  for (const event of all) {
    const { atMs, wire } = event;
    if (isArrival(event)) {
      if (!drops.has(event)) inputs.push(...received(atMs, wire, discards.of.get(event)?.reason, inputs));
      continue;
    }
    // What was crafted here, or sent by the firewall, no socket of this host has sent.
    if (!isDeparture(event) || crafted.take(host, event) || refusals.take(event)) continue;
    if (wire.kind === 'tcp') inputs.push({ atMs, direction: 'sent', segment: wire.segment });
  }
  return inputs;
}

/** What arrived, as far as the kernel used it: `reason` is why it dropped it, if it did. */
function received(
  atMs: number,
  wire: WirePacket,
  reason: string | undefined,
  before: readonly SeenInput[],
): SeenInput[] {
  const effect = reason === undefined ? 'processed' : effectOf(reason, wire, before);
  if (effect === 'unprocessed') return [];
  const doubt =
    effect === 'unknown'
      ? { doubt: `the kernel dropped a packet, and tcplab does not know what ${reason} means` }
      : {};
  if (wire.kind === 'icmp') return [{ atMs, direction: 'received', icmp: wire.error, ...doubt }];
  const { segment } = wire;
  const bare = { ...segment, flags: segment.flags.replace('F', ''), length: 0 };
  const used = effect === 'acknowledgment only' ? bare : segment;
  return [{ atMs, direction: 'received', segment: used, ...doubt }];
}

/** Where it depends on the state, a handshake is open for as long as only SYNs have come. */
function effectOf(reason: string, wire: WirePacket, before: readonly SeenInput[]): DropEffect {
  if (wire.kind === 'icmp') return dropEffect(reason, { direction: 'received' });
  const isOpen = before.some(
    (input) => input.direction === 'received' && 'segment' in input && !input.segment.flags.includes('S'),
  );
  const state = isOpen ? 'ESTABLISHED' : 'SYN-RECEIVED';
  return dropEffect(reason, { direction: 'received', segment: wire.segment, state });
}

function isArrival(event: Sighting | KernelDropped): event is Captured {
  return event.type === 'captured' && event.direction === 'received';
}

function isDeparture(event: Sighting | KernelDropped): boolean {
  return event.type === 'dropped' ? event.hook === 'out' : event.direction === 'sent';
}

/**
 * What the kernel says that it dropped, joined to who else saw these packets, by their headers: it names no more of them.
 * `unsent`: what left a socket, and was seen by nobody else.
 */
function discardsOf({ seen, discarded }: Packets): {
  of: ReadonlyMap<Sighting, KernelDropped>;
  unsent: readonly KernelDropped[];
} {
  const of = new Map<Sighting, KernelDropped>();
  const unsent: KernelDropped[] = [];
  if (discarded.length === 0) return { of, unsent };
  const waiting = new Map<string, Sighting[]>();
  for (const event of seen) {
    const key = headKey(event, isDeparture(event));
    waiting.set(key, [...(waiting.get(key) ?? []), event]);
  }
  // From the end: of the same headers, the last that was there by then.
  for (const drop of discarded.toReversed()) {
    const same = waiting.get(headKey(drop, isDeparture(drop)));
    const index = same?.findLastIndex((event) => wasThere(event, drop)) ?? -1;
    const sighting = index < 0 ? undefined : same?.splice(index, 1)[0];
    if (isNoDrop(drop)) continue;
    if (sighting) of.set(sighting, drop);
    else if (isDeparture(drop)) unsent.push(drop);
  }
  return { of, unsent };
}

/** That it was freed says nothing of a packet that had its effect; of one that was sent, it may have been a capture's copy. */
function isNoDrop({ reason, direction, wire }: KernelDropped): boolean {
  const segment = wire.kind === 'tcp' ? { segment: wire.segment } : {};
  const effect = dropEffect(reason, { direction, ...segment });
  return effect === 'processed' || (effect === 'unknown' && direction === 'sent');
}

/** What a rule drops on its way out has the time at which its log was read. */
function wasThere(event: Sighting, drop: KernelDropped): boolean {
  const isLate = event.type === 'dropped' && event.hook === 'out';
  return isLate || event.atMs <= drop.atMs + CLOCKS_AGREE_MS;
}

function headKey(event: { host: HostName; bytes: string }, leaves: boolean): string {
  return `${event.host} ${leaves} ${headOfEvent(event)}`;
}

/** Stamps of packets and of kernel events come from two clocks, and a rule's from its log; all are good to microseconds. */
const CLOCKS_AGREE_MS = 0.5;

/** NFLOG gives the packet's own stamp, in whole microseconds. */
const STAMPS_AGREE_MS = 0.002;

/** Which arrivals rules dropped, and which drop each was: of the same bytes the last that had arrived by then. */
function dropsOfArrivals(seen: readonly Sighting[]): Map<Sighting, Dropped> {
  const drops = new Map<Sighting, Dropped>();
  const arrivals = seen.filter(isArrival);
  for (const drop of seen.toReversed()) {
    if (drop.type !== 'dropped' || drop.hook !== 'in') continue;
    const identity = identityOfEvent(drop);
    const arrival = arrivals.findLast(
      (event) =>
        event.host === drop.host &&
        identityOfEvent(event) === identity &&
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

  constructor(timeline: Timeline, seen: readonly Sighting[]) {
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
  take({ atMs, wire }: { atMs: number; wire: WirePacket }): boolean {
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

/** Whether it is the same but for what a router may have changed in it: the options of a SYN, above all (RFC 4459, MSS). */
function isAlike({ wire }: Captured, { seq, ack, flags, length }: Segment): boolean {
  if (wire.kind !== 'tcp') return false;
  const other = wire.segment;
  return other.seq === seq && other.ack === ack && other.flags === flags && other.length === length;
}

type Sighting = Captured | Dropped;

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
class Matcher<T extends { host: HostName; bytes: string }> {
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

function identityOfEvent(event: { bytes: string }): string {
  let identity = identities.get(event);
  if (identity === undefined) {
    identity = identityOf(Buffer.from(event.bytes, 'base64'));
    identities.set(event, identity);
  }
  return identity;
}

/** The same of their headers alone. */
const heads = new WeakMap<{ bytes: string }, string>();

function headOfEvent(event: { bytes: string }): string {
  let head = heads.get(event);
  if (head === undefined) {
    const packet = Buffer.from(event.bytes, 'base64');
    head = identityOf(headersOf(packet) ?? packet);
    heads.set(event, head);
  }
  return head;
}
