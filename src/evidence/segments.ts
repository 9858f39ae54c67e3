import type { Input } from '../tcp/fold.ts';
import type { Segment, WirePacket } from '../tcp/segment.ts';
import { seqDistance } from '../tcp/sequence.ts';
import type { Connection } from './connection.ts';
import { type DropEffect, dropEffect, dropWords } from './drop-reasons.ts';
import { type Captured, type Dropped, type HostName, type KernelDropped, otherHost } from './events.ts';
import { type Origin, Origins } from './origins.ts';
import {
  headOfEvent,
  identityOfEvent,
  Matcher,
  type Packets,
  packetsOn,
  type Sighting,
} from './packet-index.ts';
import { RelativeNumbers } from './relative-numbers.ts';
import { Retransmissions } from './retransmissions.ts';
import { hasWrongChecksum, withOptions } from './seen-packet.ts';
import { mustBeTimeline, type Timeline } from './timeline.ts';

/** One packet of a connection, from the host that sent it to what became of it. */
export interface Passage {
  atMs: number;
  /** The host that sent it. */
  host: HostName;
  wire: WirePacket;
  bytes: string;
  origin: Origin;
  /** Null for an ICMP error. */
  numbers: SentNumbers | null;
  /** When the other host's capture saw it; null when it did not. */
  arrivedMs: number | null;
  /**
   * `lost`: it was sent, nobody dropped it, and it was not seen to arrive. `unseen`: the capture of the other host is not
   * there, or did not keep up. `discarded`: the kernel of either host says that it dropped it, and no rule of the lab did.
   */
  fate: 'delivered' | 'lost' | 'unseen' | { dropped: Dropped } | { discarded: KernelDropped };
}

/** Why the kernel dropped it, in words for the middle of a sentence. */
export function wordsOfDrop(timeline: Timeline, { host, reason }: KernelDropped): string {
  const mayBeOurs = reason === 'NETFILTER_DROP' && hasLostPackets(timeline, host);
  return mayBeOurs ? 'netfilter (rule unknown: a log overflowed)' : dropWords(reason);
}

/** What the segments before it tell of a segment. */
export interface SentNumbers {
  /** From the first sequence number of its sender, as tcpdump prints it. */
  seq: number;
  ack: number | null;
  /** How often it had been sent before. */
  again: number;
  /** A keepalive, or a probe of a zero window. */
  isProbe: boolean;
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
  const origins = new Origins(timeline, packets);
  const numbers = new SegmentNumbers();
  const sent = [...seen, ...discards.unsent].filter(isDeparture).sort((a, b) => a.atMs - b.atMs);
  const taken = sent.map((event) =>
    event.type === 'captured' ? arrivals.take(otherHost(event.host), event) : undefined,
  );
  return sent.map((event, index): Passage => {
    const { atMs, host, wire, bytes } = event;
    const origin = origins.of(event);
    const base = { atMs, host, wire, bytes, origin, numbers: numbers.of(event, origin) };
    if (event.type === 'dropped') return { ...base, arrivedMs: null, fate: { dropped: event } };
    if (event.type === 'kernel-dropped') return { ...base, arrivedMs: null, fate: { discarded: event } };
    const unseen = isBlind(timeline, otherHost(host)) ? 'unseen' : 'lost';
    const arrived = taken[index] ? [taken[index]] : partsOf(event, arrivals.left(otherHost(host)));
    const drop = arrived.map((arrival) => drops.get(arrival)).find(Boolean);
    // What arrived all the same was dropped at its sender as a copy (nft's dup).
    const sightings = arrived.length > 0 ? arrived : [event];
    const discarded = sightings.map((sighting) => discards.of.get(sighting)).find(Boolean);
    const received = arrived.length > 0 ? 'delivered' : unseen;
    const fate = drop ? { dropped: drop } : discarded ? { discarded } : received;
    return { ...base, arrivedMs: arrived.at(-1)?.atMs ?? null, fate };
  });
}

/** Whether a host's capture is not there, or lost something: what it did not see may have arrived. */
function isBlind(timeline: Timeline, host: HostName): boolean {
  const isElsewhere = timeline.of('lab-opened')[0]?.hosts?.[host].noPackets ?? null;
  return isElsewhere !== null || hasLostPackets(timeline, host);
}

/** Of the host's packets, or of what its rules logged. */
function hasLostPackets(timeline: Timeline, host: HostName): boolean {
  return timeline.of('lost').some((event) => event.witness === 'packets' && (event.host ?? host) === host);
}

/** Relative numbers and repetitions, of packets in the order of their sending. */
class SegmentNumbers {
  readonly #relative = new RelativeNumbers();
  readonly #repetitions = new Retransmissions();

  of({ host, wire }: Sighting | KernelDropped, origin: Origin): SentNumbers | null {
    if (wire.kind === 'icmp') return null;
    const { seq, ack, base } = this.#relative.tell(host, wire.segment);
    return { seq, ack, ...this.#repetitions.tell(host, wire.segment, base, origin === 'crafted') };
  }
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

/**
 * What one end sent (even if a rule or the kernel stopped it at once) and what its TCP was really given, in order; with what TCP
 * dropped for one of the reasons in `evenIf`.
 */
export function inputsOf(
  timeline: Timeline,
  connection: Connection,
  host: HostName,
  evenIf: readonly string[] = [],
): SeenInput[] {
  const packets = packetsOn(timeline, connection);
  const seen = packets.seen.filter((event) => event.host === host);
  const drops = dropsOfArrivals(seen);
  const discards = discardsOf(packets);
  const unsent = discards.unsent.filter((event) => event.host === host);
  const origins = new Origins(timeline, packets);
  const inputs: SeenInput[] = [];
  const all = unsent.length > 0 ? [...seen, ...unsent].sort((a, b) => a.atMs - b.atMs) : seen;
  for (const event of all) {
    const { atMs } = event;
    if (isArrival(event)) {
      const why = discards.of.get(event)?.reason;
      const reason = why !== undefined && evenIf.includes(why) ? undefined : why;
      if (!drops.has(event) && !hasWrongChecksum(event))
        inputs.push(...received(atMs, withOptions(event), reason, inputs));
      continue;
    }
    // What was crafted here, or sent by the firewall, no socket of this host has sent.
    if (!isDeparture(event) || origins.of(event) !== 'tcp') continue;
    const left = withOptions(event);
    if (left.kind === 'tcp') inputs.push({ atMs, direction: 'sent', segment: left.segment });
  }
  return inputs;
}

/** What arrived, as far as the kernel used it: `reason` is why it dropped it, if it did. */
function received(
  atMs: number,
  wire: ReturnType<typeof withOptions>,
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
  const arrivals = seen.filter(isArrival);
  // From the end: of the same headers, the last that was there by then.
  for (const drop of discarded.toReversed()) {
    const same = waiting.get(headKey(drop, isDeparture(drop)));
    const index = same?.findLastIndex((event) => wasThere(event, drop)) ?? -1;
    const sighting = index < 0 ? changedBefore(drop, arrivals, of) : same?.splice(index, 1)[0];
    if (isNoDrop(drop)) continue;
    if (sighting) of.set(sighting, drop);
    else if (isDeparture(drop)) unsent.push(drop);
  }
  return { of, unsent };
}

/** The arrival that was dropped after somebody had changed it: nft may set a window or an option before it drops. */
function changedBefore(
  drop: KernelDropped,
  arrivals: readonly Captured[],
  taken: ReadonlyMap<Sighting, KernelDropped>,
): Captured | undefined {
  const { wire } = drop;
  if (drop.direction === 'sent' || wire.kind !== 'tcp') return undefined;
  return arrivals.findLast(
    (arrival) =>
      arrival.host === drop.host &&
      wasThere(arrival, drop) &&
      !taken.has(arrival) &&
      isAlike(arrival, wire.segment),
  );
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

/** Whether it is the same but for what a router may have changed in it: the options of a SYN, above all (RFC 4459, MSS). */
function isAlike({ wire }: Captured, { seq, ack, flags, length }: Segment): boolean {
  if (wire.kind !== 'tcp') return false;
  const other = wire.segment;
  return other.seq === seq && other.ack === ack && other.flags === flags && other.length === length;
}
