import type { Segment, WirePacket } from '../tcp/segment.ts';
import { seqDistance } from '../tcp/sequence.ts';
import { otherHostOf } from './connection.ts';
import { dropEffect } from './drop-reasons.ts';
import type { Captured, Dropped, HostName, KernelDropped } from './events.ts';
import { headOfEvent, identityOfEvent, isSamePacket } from './identity.ts';
import { firstFrom } from './in-time.ts';
import type { ObservedPacket } from './packet-index.ts';

/**
 * Which sightings are of one packet. Captures and drops are joined by their bytes: a host that sees the same bytes twice sees
 * them in the order in which they were sent. What the kernel dropped is joined by its headers: it names no more.
 */
export class Joins {
  /** Packets that left a socket according to the kernel only. */
  readonly unsent: readonly KernelDropped[];
  readonly #arrivals = new Map<ObservedPacket, Captured>();
  readonly #drops = new Map<ObservedPacket, Dropped>();
  readonly #discards = new Map<ObservedPacket, KernelDropped>();
  /** Those of each host that are of no packet of which the whole was seen to leave. */
  readonly #left: Record<HostName, Captured[]> = { client: [], server: [] };

  readonly #seen: readonly ObservedPacket[];
  #strays: Set<Captured> | undefined;

  /** Both in the order of time. */
  constructor(seen: readonly ObservedPacket[], discarded: readonly KernelDropped[]) {
    this.#seen = seen;
    this.#joinArrivals(seen);
    this.#joinDrops(seen);
    this.unsent = discarded.length > 0 ? this.#joinDiscards(seen, discarded) : [];
  }

  /** What arrived of what was sent: the packet, or all of its bytes in others. */
  arrivalsOf(sent: Captured): readonly Captured[] {
    const arrival = this.#arrivals.get(sent);
    return arrival ? [arrival] : partsOf(sent, this.#left[otherHostOf(sent)]);
  }

  /** The drop of an arrival by a rule. */
  dropOf(arrival: ObservedPacket): Dropped | undefined {
    return this.#drops.get(arrival);
  }

  /**
   * Whether a refusal arrived that the other host did not send: something between the hosts did. Only for RSTs and ICMP
   * errors, which are never split or merged on the way.
   */
  isStray(arrival: Captured): boolean {
    this.#strays ??= this.#findStrays();
    return this.#strays.has(arrival);
  }

  #findStrays(): Set<Captured> {
    const left = [...this.#left.client, ...this.#left.server].filter(({ wire }) => isRefusal(wire));
    if (left.length === 0) return new Set();
    const sent = grouped(this.#seen.filter(isDeparture), (event) => numbersKey(event, otherHostOf(event)));
    const wasSent = (arrival: Captured) =>
      sent.get(numbersKey(arrival))?.some(({ wire }) => isSameRefusal(wire, arrival.wire)) ?? false;
    return new Set(left.filter((arrival) => !wasSent(arrival)));
  }

  discardOf(packet: ObservedPacket): KernelDropped | undefined {
    return this.#discards.get(packet);
  }

  #joinArrivals(seen: readonly ObservedPacket[]): void {
    const waiting = grouped(seen.filter(isArrival), (event) => numbersKey(event));
    const taken = new Set<ObservedPacket>();
    for (const event of seen) {
      if (event.type !== 'captured' || event.direction !== 'sent') continue;
      const same = waiting.get(numbersKey(event, otherHostOf(event))) ?? [];
      const place = same.findIndex((arrival) => isSamePacket(arrival, event));
      const arrival = same[place];
      if (!arrival) continue;
      same.splice(place, 1);
      this.#arrivals.set(event, arrival);
      taken.add(arrival);
    }
    for (const event of seen) if (isArrival(event) && !taken.has(event)) this.#left[event.host].push(event);
  }

  /** Of the same bytes, a rule has dropped the last that had arrived by then. */
  #joinDrops(seen: readonly ObservedPacket[]): void {
    const dropped = seen.filter(isDropOfArrival);
    if (dropped.length === 0) return;
    const arrivals = grouped(ofThese(dropped, seen.filter(isArrival)), identityKey);
    for (const [key, same] of grouped(dropped, identityKey)) {
      const before = arrivals.get(key) ?? [];
      for (const drop of same.reverse()) {
        while ((before.at(-1)?.atMs ?? 0) > drop.atMs + STAMPS_AGREE_MS) before.pop();
        const arrival = before.pop();
        if (arrival) this.#drops.set(arrival, drop);
      }
    }
  }

  #joinDiscards(seen: readonly ObservedPacket[], discarded: readonly KernelDropped[]): KernelDropped[] {
    const unsent: KernelDropped[] = [];
    const alike = ofThese(discarded, seen);
    const waiting = grouped(alike, (event) => headKey(event, isDeparture(event)));
    const arrivals = grouped(alike.filter(isArrival), (event) => numbersKey(event));
    // A rule's reply to its own host has the other host's address, and such rules may drop it in turn.
    const replies = grouped(
      alike.filter((event) => event.type === 'dropped' && event.hook === 'out'),
      (event) => headKey(event, false),
    );
    // From the end: of the same headers, the last that was there by then.
    for (const drop of discarded.toReversed()) {
      if (!isDeparture(drop) && replies.get(headKey(drop, false))?.pop()) continue;
      const same = waiting.get(headKey(drop, isDeparture(drop)));
      const index = same?.findLastIndex((event) => wasThere(event, drop)) ?? -1;
      const packet = index < 0 ? this.#changedBefore(drop, arrivals) : same?.splice(index, 1)[0];
      if (isNoDrop(drop)) continue;
      if (packet) this.#discards.set(packet, drop);
      else if (isDeparture(drop)) unsent.push(drop);
    }
    return unsent.reverse();
  }

  /** The arrival that was dropped after a rule changed it: nft can set a window or an option before it drops. */
  #changedBefore(drop: KernelDropped, arrivals: ReadonlyMap<string, Captured[]>): Captured | undefined {
    const { wire } = drop;
    if (drop.direction === 'sent' || wire.kind !== 'tcp') return undefined;
    return arrivals
      .get(numbersKey(drop))
      ?.findLast(
        (arrival) =>
          wasThere(arrival, drop) && !this.#discards.has(arrival) && isAlike(arrival, wire.segment),
      );
  }
}

function isRefusal(wire: WirePacket): boolean {
  return wire.kind === 'icmp' || wire.segment.flags.includes('R');
}

/** Both have the same numbers, or quote the same segment. */
function isSameRefusal(sent: WirePacket, arrived: WirePacket): boolean {
  if (sent.kind === 'icmp') return arrived.kind === 'icmp' && sent.error.meaning === arrived.error.meaning;
  return arrived.kind === 'tcp' && sent.segment.flags.includes('R');
}

export function isArrival(event: ObservedPacket | KernelDropped): event is Captured {
  return event.type === 'captured' && event.direction === 'received';
}

export function isDeparture(event: ObservedPacket | KernelDropped): boolean {
  return event.type === 'dropped' ? event.hook === 'out' : event.direction === 'sent';
}

function isDropOfArrival(event: ObservedPacket): event is Dropped {
  return event.type === 'dropped' && event.hook === 'in';
}

function grouped<T>(events: readonly T[], keyOf: (event: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const event of events) {
    const key = keyOf(event);
    const same = groups.get(key);
    if (same) same.push(event);
    else groups.set(key, [event]);
  }
  return groups;
}

function identityKey(event: ObservedPacket): string {
  return event.host + identityOfEvent(event);
}

function headKey(event: { host: HostName; bytes: string }, leaves: boolean): string {
  return `${event.host} ${leaves} ${headOfEvent(event)}`;
}

/** Few packets have the same: only these are compared. */
export function numbersKey(event: ObservedPacket | KernelDropped, host: HostName = event.host): string {
  const { wire } = event;
  if (wire.kind === 'icmp') return `${host} ${wire.error.quoted.seq}`;
  return `${host} ${wire.segment.seq} ${wire.segment.ack}`;
}

/** Those that may be of the same packets as `others`. */
function ofThese<T extends ObservedPacket>(
  others: readonly (ObservedPacket | KernelDropped)[],
  events: readonly T[],
): T[] {
  const keys = new Set(others.map((other) => numbersKey(other)));
  return events.filter((event) => keys.has(numbersKey(event)));
}

/** The drop event proves nothing for a packet that had its effect; for a sent one it may be of a capture's copy. */
function isNoDrop({ reason, direction, wire }: KernelDropped): boolean {
  const segment = wire.kind === 'tcp' ? { segment: wire.segment } : {};
  const effect = dropEffect(reason, { direction, ...segment });
  return effect === 'processed' || (effect === 'unknown' && direction === 'sent');
}

/** What a rule drops on its way out has the time at which its log was read. */
function wasThere(event: ObservedPacket, drop: KernelDropped): boolean {
  const isLate = event.type === 'dropped' && event.hook === 'out';
  return isLate || event.atMs <= drop.atMs + CLOCKS_AGREE_MS;
}

/** Stamps of packets and of kernel events come from two clocks, and a rule's from its log; all are good to microseconds. */
const CLOCKS_AGREE_MS = 0.5;

/** NFLOG gives the packet's own stamp, in whole microseconds. */
const STAMPS_AGREE_MS = 0.002;

/** Among so many that arrived next, the parts of a segment are searched for. */
const NEXT_ARRIVALS = 256;

/**
 * A NIC, real or virtual, can split a long segment (TSO) or merge several that arrive (GRO). So a sent segment
 * has also arrived if others contain all of its bytes. Returns those; none if a byte is missing.
 */
function partsOf({ atMs, wire }: Captured, left: readonly Captured[]): readonly Captured[] {
  if (wire.kind !== 'tcp') return [];
  if (left.length === 0) return [];
  const first = firstFrom(left, atMs);
  const arrivals = left.slice(first, first + NEXT_ARRIVALS);
  const { seq, length } = wire.segment;
  if (length === 0) return arrivals.filter((arrival) => isAlike(arrival, wire.segment)).slice(0, 1);
  const parts: Captured[] = [];
  let covered = 0;
  for (const arrival of arrivals) {
    if (arrival.wire.kind !== 'tcp') continue;
    const from = seqDistance(arrival.wire.segment.seq, seq);
    const to = from + arrival.wire.segment.length;
    if (from > covered || to <= covered) continue;
    parts.push(arrival);
    covered = to;
    if (covered >= length) return parts;
  }
  return [];
}

/** Whether it is the same, except for fields that a router may change, mainly a SYN's options (RFC 4459, MSS). */
function isAlike({ wire }: Captured, { seq, ack, flags, length }: Segment): boolean {
  if (wire.kind !== 'tcp') return false;
  const other = wire.segment;
  return other.seq === seq && other.ack === ack && other.flags === flags && other.length === length;
}
