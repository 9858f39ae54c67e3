import { type Endpoint, formatEndpoint, sameEndpoint } from '../../tcp/endpoint.ts';
import type { IcmpError } from '../../tcp/segment.ts';
import { type SequenceNumber, seqAdd, seqDistance } from '../../tcp/sequence.ts';
import type { SeenSegment } from '../../tcp/syn-options.ts';
import { EndReading } from './end.ts';
import { Sender } from './sender.ts';

export type Name = 'a' | 'b';

/** One end of a connection in a capture. */
export interface Side {
  endpoint: Endpoint;
  reading: EndReading;
  sender: Sender;
  /** TTL or hop limit of its packets. */
  hops: number | null;
}

/** A packet of a connection, with which ends it may have come to. */
export interface Arrival {
  atMs: number;
  from: Name;
  /** It passed an interface, and not the one that is nearer to its receiver. */
  isUnseen: boolean;
  hops: number | null;
  segment: SeenSegment;
}

/** A connection in a capture, advanced segment by segment. */
export class Connection {
  readonly number: number;
  readonly a: Side;
  readonly b: Side;
  readonly firstMs: number;
  lastMs: number;
  opener: Name | 'both' | 'unknown' = 'unknown';
  closedFirst: Name | 'both' | null = null;
  resetBy: Name | null = null;
  resetMs: number | null = null;
  /** Whether the capture misses segments of it that were acknowledged. */
  hasGaps = false;
  /** The ends that an ICMP error refused. */
  unreachable: string | null = null;
  /** A later SYN took its ports. */
  reused: { by: Name; isAnswered: boolean } | null = null;
  /** Of an RST, a TTL that no other packet of its end has: a firewall or a proxy may have sent it. */
  resetHops: number | null = null;
  readonly isSelf: boolean;

  constructor(number: number, a: Endpoint, b: Endpoint, atMs: number) {
    this.number = number;
    this.a = { endpoint: a, reading: new EndReading(), sender: new Sender(), hops: null };
    this.b = { endpoint: b, reading: new EndReading(), sender: new Sender(), hops: null };
    this.isSelf = sameEndpoint(a, b);
    this.firstMs = atMs;
    this.lastMs = atMs;
  }

  get name(): string {
    return `${formatEndpoint(this.a.endpoint)} ${formatEndpoint(this.b.endpoint)}`;
  }

  /** Whether a segment begins another connection on the same ports. */
  isBegunAnewBy(from: Name, { flags, seq, ack }: SeenSegment): boolean {
    if (!flags.includes('S') || ack !== null) return false;
    const { syn, syns } = this[from].sender;
    if (syn !== null && syns > 0) return syn !== seq;
    const peer = this[otherOf(from)].sender;
    // The SYNs of a simultaneous open cross.
    return peer.synAcks > 0 || peer.syns === 0
      ? this.a.sender.segments + this.b.sender.segments > 0
      : syn !== null;
  }

  add({ atMs, from, isUnseen, hops, segment }: Arrival): void {
    const [side, peer] = [this[from], this[otherOf(from)]];
    const { flags, ack } = segment;
    this.lastMs = atMs;
    this.#noteOpening(from, flags);
    if (this.isSelf) {
      side.sender.add(atMs, segment, side.sender);
      side.reading.sent(atMs, segment);
      side.reading.received({ atMs, direction: 'received', segment });
      return;
    }
    const isFirst = this.opener === 'unknown' && side.sender.next === null;
    const isFirstOfAll = isFirst && peer.sender.next === null;
    side.sender.add(atMs, segment, peer.sender);
    if (isFirst && !/[SR]/.test(flags)) this.#beginInMidstream(from, segment, atMs, isFirstOfAll);
    if (ack !== null && isAnswerToUnseenSyn(segment, peer.sender)) {
      this.hasGaps = true;
      const { source: destination, destination: source } = segment;
      const syn = { ...segment, source, destination, seq: seqAdd(ack, -1), ack: null, flags: 'S', length: 0 };
      peer.reading.sent(atMs, syn);
      side.reading.received({ atMs, direction: 'received', segment: syn });
    }
    // An end that the capture never saw, and whose peer acknowledges something: its direction is missing.
    const isUnseenEnd = peer.sender.segments === 0 && !peer.reading.isMidstream;
    if (ack !== null && isUnseenEnd && !/[SR]/.test(flags))
      peer.reading.begin('received', segment, atMs, false);
    if (ack !== null && !flags.includes('R')) this.#fillGap(from, atMs, ack, segment);
    if (flags.includes('F')) this.#noteFin(from);
    if (flags.includes('R')) {
      this.resetBy ??= from;
      this.resetMs ??= atMs;
    }
    const isForeign = flags.includes('R') && side.hops !== null && hops !== null && side.hops !== hops;
    if (isForeign) this.resetHops ??= hops;
    else side.hops = hops;
    side.reading.sent(atMs, segment, isForeign);
    peer.reading.received({ atMs, direction: 'received', segment }, isUnseen);
  }

  /** An ICMP error that quotes what `to` sent. */
  addError(atMs: number, to: Name, error: IcmpError): void {
    this.lastMs = atMs;
    this.unreachable = error.meaning;
    this[to].reading.received({ atMs, direction: 'received', icmp: error });
  }

  #noteOpening(from: Name, flags: string): void {
    if (!flags.includes('S')) return;
    const isAnswer = flags.includes('.');
    const opener = isAnswer ? otherOf(from) : from;
    if (this.opener === 'unknown') this.opener = opener;
    else if (this.opener !== opener && this.opener !== 'both' && !isAnswer) this.opener = 'both';
  }

  #noteFin(from: Name): void {
    const [own, peer] = [this[from].sender, this[otherOf(from)].sender];
    if (this.closedFirst === null) this.closedFirst = from;
    else if (this.closedFirst === otherOf(from) && own.fins === 1 && peer.fin !== null && !own.finKnewPeers)
      this.closedFirst = own.isFinIn(peer.finAck) ? from : 'both';
  }

  #beginInMidstream(from: Name, segment: SeenSegment, atMs: number, isFirstOfAll: boolean): void {
    const [side, peer] = [this[from], this[otherOf(from)]];
    const isAnswerToProbe =
      !isFirstOfAll && segment.length === 0 && segment.ack === seqAdd(peer.sender.next ?? segment.seq, 1);
    if (isAnswerToProbe) {
      // What came before it was one byte before what was expected: only now is that known.
      peer.sender.assume(segment.ack as SequenceNumber);
      peer.reading.begin(
        'sent',
        { ...segment, seq: segment.ack as SequenceNumber, ack: segment.seq },
        atMs,
        true,
      );
    }
    side.reading.begin('sent', segment, atMs, isAnswerToProbe);
    if (isFirstOfAll) peer.reading.begin('received', segment, atMs, false);
  }

  /** What an end acknowledges and the capture does not have was sent, and received. */
  #fillGap(from: Name, atMs: number, ack: SequenceNumber, by: SeenSegment): void {
    const [side, peer] = [this[from], this[otherOf(from)]];
    const missing = peer.sender.missingBelow(ack);
    if (!missing) return;
    this.hasGaps = true;
    const [seq, end] = missing;
    const segment: SeenSegment = {
      source: by.destination,
      destination: by.source,
      seq,
      ack: by.seq,
      flags: '.',
      window: peer.sender.window ?? 0xffff,
      length: seqDistance(end, seq),
    };
    const mayBeFin = peer.sender.fin === null;
    peer.reading.sentUnseen(atMs, segment, mayBeFin);
    side.reading.receivedUnseen(atMs, segment, mayBeFin);
  }
}

/** A SYN-ACK shows that its receiver sent a SYN, even if the capture does not have it. */
function isAnswerToUnseenSyn({ flags }: SeenSegment, { segments, syn }: Sender): boolean {
  return flags.includes('S') && flags.includes('.') && segments === 0 && syn === null;
}

export function otherOf(name: Name): Name {
  return name === 'a' ? 'b' : 'a';
}
