import type { SegmentToEncode } from '../encode.ts';
import type { Endpoint } from '../endpoint.ts';
import { type SequenceNumber, seqAdd, seqDistance, sequenceNumber } from '../sequence.ts';

/** Calls that a program makes on the descriptor of the connection; `abort` is close() with SO_LINGER 0. */
const CALLS = ['listen', 'connect', 'send', 'recv', 'shutdown', 'close', 'abort'] as const;
export type Call = (typeof CALLS)[number];

/** A number that a crafted segment has: one of `Numbers`, and so many more. */
type Number = 'PN' | 'PN+100' | 'PN-1' | 'PN+FAR' | 'ISN' | 'SN' | 'SN+1000' | 'SU' | 'SU-FAR';

/** What happens to a connection. */
export type Event = { name: string } & (
  | { kind: 'nothing' }
  | { kind: 'segment'; flags: string; seq: Number; ack: Number | null; bytes: number }
  | { kind: 'icmp'; ipv4: IcmpCode; ipv6: IcmpCode | null }
  | { kind: 'call'; call: Call }
);
interface IcmpCode {
  type: number;
  code: number;
}

type Row = [name: string, flags: string, seq: Number, ack: Number | null, bytes?: number];

const SEGMENTS: readonly Row[] = [
  ['syn-new', 'S', 'PN+100', null],
  ['syn-same', 'S', 'ISN', null],
  ['syn-out', 'S', 'PN+FAR', null],
  ['syn+data', 'S', 'PN+100', null, 10],
  ['syn+fin', 'SF', 'PN+100', null],
  ['syn-ack', 'S.', 'ISN', 'SN'],
  ['syn-ack-win', 'S.', 'PN+100', 'SN'],
  ['syn-ack-badack', 'S.', 'PN+100', 'SN+1000'],
  ['ack-ok', '.', 'PN', 'SN'],
  ['ack-una', '.', 'PN', 'SU'],
  ['ack-too-new', '.', 'PN', 'SN+1000'],
  ['ack-too-old', '.', 'PN', 'SU-FAR'],
  ['fin', 'F.', 'PN', 'SU'],
  ['fin-ack', 'F.', 'PN', 'SN'],
  ['fin-noack', 'F', 'PN', null],
  ['fin-again', 'F.', 'PN-1', 'SU'],
  ['fin-psh', 'FP.', 'PN', 'SN'],
  ['fin+data', 'FP.', 'PN', 'SU', 10],
  ['fin-future', 'F.', 'PN+100', 'SU'],
  ['data', 'P.', 'PN', 'SU', 10],
  ['data-ack', 'P.', 'PN', 'SN', 10],
  ['data-future', 'P.', 'PN+100', 'SU', 10],
  ['data-out', 'P.', 'PN+FAR', 'SU', 10],
  ['data-old', 'P.', 'PN-1', 'SU', 1],
  ['data-noack', 'P', 'PN', null, 10],
  ['no-flags', '', 'PN', null],
  ['urg', 'U.', 'PN', 'SU', 1],
  ['rst-exact', 'R', 'PN', null],
  ['rst-win', 'R', 'PN+100', null],
  ['rst-out', 'R', 'PN+FAR', null],
  ['rst-old', 'R', 'PN-1', null],
  ['rst-ack', 'R.', 'PN', 'SN'],
  ['rst-badack', 'R.', 'PN', 'SN+1000'],
];

/** All columns of the matrix. */
export const EVENTS: readonly Event[] = [
  { name: 'nothing', kind: 'nothing' },
  ...SEGMENTS.map(
    ([name, flags, seq, ack, bytes = 0]): Event => ({ name, kind: 'segment', flags, seq, ack, bytes }),
  ),
  // RFC 792 and RFC 4443: port, protocol and host unreachable. IPv6 has another message for an unknown protocol.
  { name: 'icmp-hard', kind: 'icmp', ipv4: { type: 3, code: 3 }, ipv6: { type: 1, code: 4 } },
  { name: 'icmp-proto', kind: 'icmp', ipv4: { type: 3, code: 2 }, ipv6: null },
  { name: 'icmp-soft', kind: 'icmp', ipv4: { type: 3, code: 1 }, ipv6: { type: 1, code: 3 } },
  ...CALLS.map((call): Event => ({ name: `call-${call}`, kind: 'call', call })),
];

/** The numbers of a connection, seen from the peer of the end under test. */
export interface Numbers {
  /** The peer's first. */
  isn: SequenceNumber;
  /** The peer's next: what the end expects. */
  pn: SequenceNumber;
  /** The end's next, and what of it the peer acknowledged last; both 0 before the end has sent anything. */
  sn: SequenceNumber;
  su: SequenceNumber;
}

const FAR = 1_000_000;

/** Inside the window, but not the next. Before the peer's SYN has arrived there is no window. */
const AHEAD = 100;

export function segmentOf(
  { flags, seq, ack, bytes }: Extract<Event, { kind: 'segment' }>,
  numbers: Numbers,
  source: Endpoint,
  destination: Endpoint,
): SegmentToEncode {
  const payload = Buffer.alloc(bytes, 'x');
  const acknowledged = ack === null ? null : numberOf(ack, numbers);
  const urgent = flags.includes('U') ? bytes : 0;
  return {
    source,
    destination,
    seq: numberOf(seq, numbers),
    ack: acknowledged,
    flags,
    window: 65_535,
    payload,
    urgent,
  };
}

function numberOf(number: Number, { isn, pn, sn, su }: Numbers): SequenceNumber {
  switch (number) {
    case 'ISN':
      return isn;
    case 'PN':
      return pn;
    case 'PN+100':
      return pn === isn ? pn : seqAdd(pn, AHEAD);
    case 'PN-1':
      return seqAdd(pn, -1);
    case 'PN+FAR':
      return seqAdd(pn, FAR);
    case 'SN':
      return sn;
    case 'SN+1000':
      return seqAdd(sn, 1000);
    case 'SU':
      return su;
    case 'SU-FAR':
      return seqAdd(su, -FAR);
  }
}

/** What the numbers are when the peer has sent a segment that the end accepts. */
export function afterPeer(numbers: Numbers, { seq, ack, flags, payload }: SegmentToEncode): Numbers {
  const pn = seqAdd(sequenceNumber(seq), sizeOf(flags, payload?.length ?? 0));
  const su = ack === null ? numbers.su : sequenceNumber(ack);
  return { ...numbers, pn: later(numbers.pn, pn), su };
}

/** What the numbers are when the end has sent a segment. RSTs don't count: they may have any number. */
export function afterEnd(
  numbers: Numbers,
  { seq, flags, length }: { seq: SequenceNumber; flags: string; length: number },
): Numbers {
  if (flags.includes('R')) return numbers;
  const next = seqAdd(seq, sizeOf(flags, length));
  const isFirst = flags.includes('S') && numbers.sn === 0;
  return isFirst ? { ...numbers, su: seq, sn: next } : { ...numbers, sn: later(numbers.sn, next) };
}

/** How many sequence numbers a segment takes (RFC 9293, 3.3.1: SEG.LEN). */
export function sizeOf(flags: string, bytes: number): number {
  return bytes + Number(flags.includes('S')) + Number(flags.includes('F'));
}

function later(a: SequenceNumber, b: SequenceNumber): SequenceNumber {
  return seqDistance(b, a) > 0 ? b : a;
}
