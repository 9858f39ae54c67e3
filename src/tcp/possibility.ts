import { findArc, type Trigger } from './arcs.ts';
import type { Doubt } from './doubts.ts';
import { difference, inCommon, laterOfSame, type Path, withReasons } from './path.ts';
import type { Piece } from './reassembly.ts';
import type { Segment } from './segment.ts';
import { type SequenceNumber, seqAdd, seqDistance, sequenceNumber } from './sequence.ts';
import type { State } from './state.ts';
import type { SynOptions } from './syn-options.ts';

/** One way in which an end can be what its segments show. Sequence numbers are absolute. */
export interface Possibility {
  /** Null while no segment has shown it. */
  readonly state: State | null;
  readonly path: Path | null;
  /** Why this is one possibility among others; null if the segments themselves show it. */
  readonly doubt: Doubt | null;
  /** The socket no longer exists, by another source than segments. */
  readonly gone: boolean;
  /** Whether this connection came from a listener, to which an RST in SYN-RECEIVED returns it. */
  readonly passive: boolean;
  /** Whether the SYN brought data that were accepted: SYN-RECEIVED is a full socket then (TCP Fast Open). */
  readonly fastOpen: boolean;
  /** Whether a listener answered with a SYN cookie: there is no socket of its own until the final ACK. */
  readonly cookie: boolean;
  /** Whether no descriptor is left; null if that is not known. */
  readonly orphan: boolean | null;
  /** Since when it is in its state. */
  readonly sinceMs: number;

  /** Our SYN's number, SND.NXT, and SND.UNA. */
  readonly initialSent: SequenceNumber;
  readonly sendNext: SequenceNumber;
  readonly acknowledged: SequenceNumber;
  /** The number of our FIN; `closing`: the program has closed, and the FIN waits behind data or a full window. */
  readonly finSent: SequenceNumber | null;
  readonly closing: boolean;
  /** Whether a call that closes it has begun, and may not have done its work yet. */
  readonly inClose: boolean;
  /** The end of the window that the peer offers, and the largest one that it has offered; null where its scale is not known. */
  readonly peerEdge: SequenceNumber | null;
  readonly peerWindow: number | null;
  /** Bits by which each side's windows are scaled; null where the SYN's options were not seen. */
  readonly scale: number | null;
  readonly peerScale: number | null;
  readonly sack: boolean;
  /** The options of our SYN, until the peer's are known too. */
  readonly ownOptions: SynOptions | null;

  /** The peer's SYN, RCV.NXT, when that last advanced, and the number of a FIN that was seen. */
  readonly peerSyn: SequenceNumber | null;
  readonly receiveNext: SequenceNumber;
  readonly receivedMs: number;
  readonly finReceived: SequenceNumber | null;
  /** What came ahead of a gap, in order and joined. */
  readonly outOfOrder: readonly Piece[];
  /** The last acknowledgment that was sent, and the end of the window offered with it; null where the scale is not known. */
  readonly ackSent: SequenceNumber;
  readonly edge: SequenceNumber | null;
  /** A segment for no known connection, without a reply so far. */
  readonly unanswered: Segment | null;
}

export const UNKNOWN: Possibility = {
  state: null,
  path: null,
  doubt: null,
  gone: false,
  passive: false,
  fastOpen: false,
  cookie: false,
  orphan: null,
  sinceMs: 0,
  initialSent: sequenceNumber(0),
  sendNext: sequenceNumber(0),
  acknowledged: sequenceNumber(0),
  finSent: null,
  closing: false,
  inClose: false,
  peerEdge: null,
  peerWindow: null,
  scale: null,
  peerScale: null,
  sack: false,
  ownOptions: null,
  peerSyn: null,
  receiveNext: sequenceNumber(0),
  receivedMs: 0,
  finReceived: null,
  outOfOrder: [],
  ackSent: sequenceNumber(0),
  edge: null,
  unanswered: null,
};

/** The same with some changes: by the million, a spread of so many properties takes ten times as long. */
export function changed(one: Possibility, changes: Partial<Possibility>): Possibility {
  const copy: Possibility = {
    state: one.state,
    path: one.path,
    doubt: one.doubt,
    gone: one.gone,
    passive: one.passive,
    fastOpen: one.fastOpen,
    cookie: one.cookie,
    orphan: one.orphan,
    sinceMs: one.sinceMs,
    initialSent: one.initialSent,
    sendNext: one.sendNext,
    acknowledged: one.acknowledged,
    finSent: one.finSent,
    closing: one.closing,
    inClose: one.inClose,
    peerEdge: one.peerEdge,
    peerWindow: one.peerWindow,
    scale: one.scale,
    peerScale: one.peerScale,
    sack: one.sack,
    ownOptions: one.ownOptions,
    peerSyn: one.peerSyn,
    receiveNext: one.receiveNext,
    receivedMs: one.receivedMs,
    finReceived: one.finReceived,
    outOfOrder: one.outOfOrder,
    ackSent: one.ackSent,
    edge: one.edge,
    unanswered: one.unanswered,
  };
  return Object.assign(copy, changes);
}

/** The end shows itself in a state that no segment has led to. */
export function find(end: Possibility, to: State, atMs: number, why?: string): Possibility {
  const { state: from } = end;
  const known = from === null || from === to || (from === 'CLOSED' && to === 'LISTEN');
  const path = known
    ? end.path
    : { step: { atMs, from, to, arc: null, ...(why && { why }) }, before: end.path };
  return { ...end, state: to, path, sinceMs: atMs, gone: false, inClose: false, unanswered: null };
}

/** Takes the arc of the RFC's table; where there is none, the trigger changes nothing. */
export function take(end: Possibility, trigger: Trigger, atMs: number, to?: State): Possibility {
  const arc = end.state === null ? undefined : findArc(end.state, trigger, to);
  if (!arc) return end;
  const step = { atMs, from: arc.from, to: arc.to, arc };
  return {
    ...end,
    state: arc.to,
    path: { step, before: end.path },
    sinceMs: atMs,
    inClose: false,
    unanswered: null,
  };
}

/** Takes the arc, or ends the connection without one: not every end that Linux makes is in the table. */
export function end(socket: Possibility, trigger: Trigger, atMs: number, to: State = 'CLOSED'): Possibility {
  if (socket.state === null || socket.state === to) return { ...socket, state: to };
  const taken = take(socket, trigger, atMs, to);
  return taken === socket
    ? { ...socket, state: to, closing: false, inClose: false, sinceMs: atMs, unanswered: null }
    : { ...taken, closing: false };
}

export function withDoubt(one: Possibility, doubt: Doubt): Possibility {
  return { ...one, doubt };
}

/** Of possibilities with the same outcome one is kept, with the changes that are certain. */
export function merged(all: readonly Possibility[]): Possibility[] {
  const kept: Possibility[] = [];
  for (const one of all) {
    const index = kept.findIndex((other) => isSame(one, other));
    const same = kept[index];
    if (same) kept[index] = { ...same, ...certain(same, one) };
    else kept.push(one);
  }
  return kept;
}

/** What the segments themselves show (`first`, without a doubt) takes precedence. */
function certain(first: Possibility, other: Possibility): Pick<Possibility, 'path' | 'sinceMs'> {
  const differ = difference(first.path, other.path);
  const later = laterOfSame(differ);
  const { path, sinceMs } = later === 'other' ? other : first;
  if (later !== null) return { path: withReasons(path, differ, later), sinceMs };
  if (first.doubt === null || first.state === null) return { path, sinceMs };
  const untilMs = Math.max(sinceMs, other.sinceMs);
  return { path: inCommon(differ, untilMs), sinceMs: untilMs };
}

const APART: readonly (keyof Possibility)[] = ['path', 'doubt', 'sinceMs', 'receivedMs'];
const COMPARED = (Object.keys(UNKNOWN) as (keyof Possibility)[]).filter((key) => !APART.includes(key));

function isSame(one: Possibility, other: Possibility): boolean {
  return COMPARED.every((key) => {
    if (key !== 'outOfOrder' || one.outOfOrder === other.outOfOrder) return one[key] === other[key];
    return (
      one.outOfOrder.length === other.outOfOrder.length &&
      one.outOfOrder.every(
        ([from, to], index) => other.outOfOrder[index]?.[0] === from && other.outOfOrder[index]?.[1] === to,
      )
    );
  });
}

/** The number after a segment's last byte; SYN and FIN take one each. */
export function endOfSegment({ seq, length, flags }: Segment): SequenceNumber {
  return seqAdd(seq, length + Number(flags.includes('S')) + Number(flags.includes('F')));
}

export function furthest(a: SequenceNumber, b: SequenceNumber): SequenceNumber {
  return seqDistance(a, b) >= 0 ? a : b;
}

/** Whether a segment that is sent acknowledges the SYN that came in: alone, or with data that it brought (RFC 7413). */
export function acknowledgesSyn({ unanswered }: Pick<Possibility, 'unanswered'>, { ack }: Segment): boolean {
  if (unanswered === null || !unanswered.flags.includes('S') || ack === null) return false;
  const beyond = seqDistance(ack, seqAdd(unanswered.seq, 1));
  return beyond >= 0 && beyond <= unanswered.length;
}
