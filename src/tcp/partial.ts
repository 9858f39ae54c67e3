import type { Doubt } from './doubts.ts';
import { advance, End, type Input } from './fold.ts';
import { type Knowledge, NOTHING_KNOWN } from './known.ts';
import { changed, type Possibility, take, UNKNOWN, withDoubt } from './possibility.ts';
import type { Segment } from './segment.ts';
import { type SequenceNumber, seqAdd } from './sequence.ts';
import { withTimers } from './silence.ts';
import type { State } from './state.ts';

/** Ends of which a capture shows only a part: it began late, missed packets, or is far from them. */

/** What an end is known by before any of its segments. */
export function endWith(known: Partial<Knowledge>): End {
  return new End([UNKNOWN], { ...NOTHING_KNOWN, ...known }, null);
}

/** The states in which a capture may find an end that has a connection, the likeliest first; a FIN of its own, one of the peer's. */
const MIDSTREAM: readonly [state: State, ours: boolean, theirs: boolean][] = [
  ['ESTABLISHED', false, false],
  ['CLOSE-WAIT', false, true],
  ['FIN-WAIT-2', true, false],
  ['FIN-WAIT-1', true, false],
  ['TIME-WAIT', true, true],
  ['LAST-ACK', true, true],
  ['CLOSING', true, true],
];

/** Of a probe, the sender has nothing unacknowledged. */
const IDLE: readonly State[] = ['ESTABLISHED', 'CLOSE-WAIT', 'FIN-WAIT-2'];

/**
 * An end whose handshake came before the capture, by the first segment that it sent, or that came for it. `isProbe`: a keepalive
 * or the probe of a window, or the answer to one.
 */
export function endInMidstream(
  direction: Input['direction'],
  segment: Segment,
  atMs: number,
  known: Knowledge,
  isProbe: boolean,
): End {
  const { seq, ack } = segment;
  const [sendNext, receiveNext] = direction === 'sent' ? [seq, ack ?? seq] : [ack ?? seq, seq];
  const possible = MIDSTREAM.filter(([state]) => !isProbe || IDLE.includes(state)).map(
    ([state, ours, theirs], index): Possibility => ({
      ...UNKNOWN,
      state,
      doubt: index === 0 ? null : 'before the capture',
      sinceMs: atMs,
      initialSent: seqAdd(sendNext, -1),
      sendNext,
      acknowledged:
        state === 'FIN-WAIT-1' || state === 'LAST-ACK' || state === 'CLOSING'
          ? seqAdd(sendNext, -1)
          : sendNext,
      finSent: ours ? seqAdd(sendNext, -1) : null,
      peerSyn: seqAdd(receiveNext, -1),
      receiveNext,
      receivedMs: atMs,
      finReceived: theirs ? seqAdd(receiveNext, -1) : null,
      ackSent: receiveNext,
    }),
  );
  return new End(possible, known, null);
}

/** What an end can be whose input is not known exactly. */
export function eitherOf(one: End, other: End, doubt: Doubt = 'FIN or data'): End {
  const others = other.possibilities.map((each) => withDoubt(each, doubt));
  return new End([...one.possibilities, ...others], one.known, one.last, one.blind);
}

/** Numbers of an end that only exchanged data since: an exchange in ESTABLISHED changes no state. */
export interface Exchanged {
  sendNext: SequenceNumber;
  acknowledged: SequenceNumber;
  receiveNext: SequenceNumber;
  /** Windows as on the wire, of the last segments of both. */
  window: number;
  peerWindow: number;
}

/** Whether an exchange of data can't change it. */
export function isSteady({ possibilities }: End): boolean {
  return possibilities.every(({ state, doubt, gone }) => {
    if (gone) return false;
    return state === 'ESTABLISHED' ? doubt === null : doubt === 'close behind data' && state === 'FIN-WAIT-1';
  });
}

/** The end after such an exchange: a million segments cost no more than the last. */
export function afterExchange(end: End, numbers: Exchanged, atMs: number): End {
  const { sendNext, acknowledged, receiveNext, window, peerWindow } = numbers;
  const open = end.possibilities
    .filter(({ state }) => state === 'ESTABLISHED')
    .map((one) => {
      const size = one.peerScale === null ? null : peerWindow * 2 ** one.peerScale;
      return changed(one, {
        sendNext,
        acknowledged,
        receiveNext,
        receivedMs: atMs,
        outOfOrder: [],
        ackSent: receiveNext,
        edge: one.scale === null ? null : seqAdd(receiveNext, window * 2 ** one.scale),
        peerEdge: size === null ? null : seqAdd(acknowledged, size),
        peerWindow: size === null ? one.peerWindow : Math.max(one.peerWindow ?? 0, size),
      });
    });
  return advance(new End(open, end.known, end.last, end.blind), { atMs, known: {} });
}

/** The end where nothing is unsent that a FIN would have to wait for. */
export function withoutHeldFin(end: End): End {
  const left = end.possibilities.filter(({ closing }) => !closing);
  return left.length > 0 ? new End(left, end.known, end.last, end.blind) : end;
}

/** What timers may have made of it by then. */
export function elapsed(end: End, atMs: number): End {
  const all = end.possibilities.flatMap((one) => withTimers(one, { atMs, known: end.known }));
  return new End(all, end.known, end.last, end.blind);
}

/**
 * What an end far from the capture may also have become since it was last seen: its FIN may be lost before the capture saw it, its
 * SYN-ACK too, and its host may have vanished. Of possibilities in one state, the likeliest is kept.
 */
export function outOfSight(end: End, atMs: number): End {
  const unseen = end.possibilities.flatMap((one) => {
    const more = UNSEEN[one.state ?? 'CLOSED'];
    return more
      ? [{ ...take(one, 'close', atMs, more), finSent: one.sendNext, sendNext: seqAdd(one.sendNext, 1) }]
      : [];
  });
  const gone = { ...UNKNOWN, state: 'CLOSED' as const };
  const added = [...unseen, gone].map((one) => withDoubt(one, 'out of sight'));
  return new End(ofEachKind([...end.possibilities, ...added]), end.known, end.last, end.blind);
}

/**
 * An end may have received a SYN that nothing answers: its SYN-ACK may be lost, and on its own host, a rule of OUTPUT may drop it
 * before a capture there sees it.
 */
export function withSilentRequest(end: End): End {
  const requests = end.possibilities
    .filter(({ state, unanswered }) => (state ?? 'CLOSED') === 'CLOSED' && unanswered && isSyn(unanswered))
    .map((one) => withDoubt({ ...one, state: 'SYN-RECEIVED', passive: true }, 'not delivered'));
  return new End([...end.possibilities, ...requests], end.known, end.last, end.blind);
}

const UNSEEN: Partial<Record<State, State>> = { ESTABLISHED: 'FIN-WAIT-1', 'CLOSE-WAIT': 'LAST-ACK' };

function isSyn({ flags, ack }: Segment): boolean {
  return flags.includes('S') && ack === null;
}

function ofEachKind(all: readonly Possibility[]): Possibility[] {
  const kinds = new Map<string, Possibility>();
  for (const one of all) {
    const { state, finSent, finReceived, acknowledged, unanswered } = one;
    const isAcknowledged = finSent !== null && acknowledged === seqAdd(finSent, 1);
    const kind = [
      state ?? 'CLOSED',
      finSent,
      finReceived !== null,
      isAcknowledged,
      unanswered !== null,
    ].join();
    if (!kinds.has(kind)) kinds.set(kind, one);
  }
  return [...kinds.values()];
}
