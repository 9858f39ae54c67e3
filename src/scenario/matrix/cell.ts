import { endOf } from '../../evidence/connection.ts';
import { packetFoldOf } from '../../evidence/segments.ts';
import type { Timeline } from '../../evidence/timeline.ts';
import { kernelEvents } from '../../evidence/witness/kernel-events.ts';
import type { WitnessName } from '../../evidence/witness/witness.ts';
import { sizeOf } from '../../tcp/matrix/events.ts';
import { reasonOf } from '../../tcp/matrix/linux.ts';
import { type Answer, type Outcome, outcomesOf } from '../../tcp/matrix/words.ts';
import type { Segment } from '../../tcp/segment.ts';
import { seqDistance } from '../../tcp/sequence.ts';
import type { State } from '../../tcp/state.ts';
import type { SeenPacket, Trial } from './drive.ts';

export const VERDICTS = ['as the RFC', 'allowed', 'differs', 'not seen'] as const;
export type CellVerdict = (typeof VERDICTS)[number];

/** What an event in a state came to, and what the RFCs ask for. */
export interface Cell {
  /** The row's name: the state before the event, and how it was reached where that matters. */
  state: string;
  event: string;
  /** What the end sent first in reply; null where that was not seen. */
  answer: Answer | null;
  /** The state afterwards, by the socket table; null where that was not seen. */
  after: State | null;
  verdict: CellVerdict;
  /** Why it differs, where that is known, or why it was not seen; else null. */
  because: string | null;
  /** Everything that the end sent after the event, with numbers relative to each side's first. */
  segments: SentSegment[];
  /** What the call returned or its errno; null for other events. */
  call: string | null;
  /** The errno that the program gets from the socket (SO_ERROR); null without one. */
  error: string | null;
  /** What the RFCs ask for, and what else they allow. */
  outcomes: Outcome[];
  /** The states that fit what each witness saw; empty where it can't know. */
  witnesses: Record<WitnessName, readonly State[]>;
}

interface SentSegment {
  flags: string;
  seq: number;
  ack: number | null;
  length: number;
  afterMs: number;
  /** Whether it was sent before, and this is by the timer. */
  retransmission: boolean;
}

/** A retransmission by timer is not earlier than that after the segment was sent last (TCP_RTO_MIN; a tick is up to 10 ms). */
const EARLIEST_TIMER_MS = 190;
/** The kernel answers a segment while it receives it, or while the call is made: then no timer happens to fire. */
const AT_ONCE_MS = 5;

/** In a handshake the first timer that changes a state runs out after 1 s (TCP_TIMEOUT_INIT); else none does within 30 s. */
const LATEST_MS = { handshake: 900, other: 30_000 };

/** Judges what was seen of a trial. */
export function judgeTrial(timeline: Timeline, trial: Trial): Cell {
  const { row, event, fired, after = null, error } = trial;
  const outcomes = outcomesOf(row, event);
  const fromMs = event.kind === 'segment' || event.kind === 'icmp' ? trial.arrivedMs : fired?.fromMs;
  const since = trial.missing === undefined ? fromMs : (fromMs ?? fired?.fromMs);
  const sent = since === undefined ? [] : trial.sent.filter(({ atMs }) => atMs >= since);
  const repeats = new Map(sent.map((packet) => [packet, repeatOf(packet, trial, since ?? 0)]));
  const answering = sent.find((packet) => repeats.get(packet) === 'no');
  const base = {
    ...{ state: row.name, event: event.name, call: fired?.call ?? null, error, outcomes },
    segments: sent.map((packet) => segmentOf(packet, trial, since ?? 0, repeats.get(packet) !== 'no')),
    witnesses: witnessesOf(timeline, trial),
  };
  const answer: Answer = answering ? wordOf(answering.segment) : 'none';
  if (trial.missing !== undefined)
    return { ...base, answer, after, verdict: 'not seen', because: trial.missing };
  const unseen = (because: string): Cell => ({
    ...base,
    answer: null,
    after: null,
    verdict: 'not seen',
    because,
  });
  if (since === undefined) return unseen('the segment was not seen to arrive');
  if (hasRepeatedSyn(trial, since)) return unseen('the end retransmitted its SYN before the event');
  const latestMs = LATEST_MS[row.state.startsWith('SYN') ? 'handshake' : 'other'];
  if (trial.readMs - since > latestMs)
    return unseen('the state was read so late that a timer may have changed it');
  if (!answering && [...repeats.values()].includes('maybe'))
    return unseen('what the end sent may be an answer, or a retransmission by its timer');
  const lost = timeline.of('lost').find(({ witness }) => witness === 'packets');
  if (lost || after === null) return unseen(lost?.what ?? 'the state afterwards was not seen');
  const against = contradictionOf(base.witnesses, after);
  if (against !== undefined) return unseen(against);
  const place = outcomes.findIndex((outcome) => outcome.answer === answer && outcome.after === after);
  const verdict = place === 0 ? 'as the RFC' : place > 0 ? 'allowed' : 'differs';
  const because = verdict === 'differs' ? reasonOf(row, event) : null;
  return { ...base, answer, after, verdict, because };
}

/** The witness that rules out what the socket table shows. */
function contradictionOf(witnesses: Cell['witnesses'], after: State): string | undefined {
  // Segments show that a connection is closed, and not that its end listens again.
  const fitting = after === 'LISTEN' ? [after, 'CLOSED'] : [after];
  const against = (['packets', 'kernel-events'] as const).find(
    (name) => witnesses[name].length > 0 && !witnesses[name].some((state) => fitting.includes(state)),
  );
  return against && `the socket table shows ${after}, and the ${against} ${witnesses[against].join(' or ')}`;
}

/**
 * Whether the end had sent the segment before, so that it may be its timer's. What comes later than at once is a retransmission if
 * the time fits the first timer, or the kernel counted it as one: after an unacceptable ACK in SYN-SENT that timer is short
 * (tcp_rcv_synsent_state_process). One with another acknowledgment than the end sent last may stand for an ACK that was put off.
 */
function repeatOf({ atMs, segment }: SeenPacket, trial: Trial, sinceMs: number): 'no' | 'yes' | 'maybe' {
  const before = trial.sent
    .filter((earlier) => earlier.atMs < atMs && isSame(earlier.segment, segment))
    .at(-1);
  if (!before) return 'no';
  const mayBeTimer = atMs - before.atMs >= EARLIEST_TIMER_MS;
  if (atMs - sinceMs < AT_ONCE_MS) return mayBeTimer ? 'maybe' : 'no';
  const isCounted = mayBeTimer || trial.retransmitted > 0;
  const { ack } = trial.sent.findLast((earlier) => earlier.atMs < sinceMs)?.segment ?? before.segment;
  return isCounted && segment.ack === ack ? 'yes' : 'maybe';
}

/** After that Linux sends less at a time, and gives the connection up sooner. */
function hasRepeatedSyn({ sent }: Trial, sinceMs: number): boolean {
  const syns = sent.filter(({ atMs, segment }) => atMs < sinceMs && segment.flags.includes('S'));
  return syns.some(({ segment }, index) =>
    syns.slice(0, index).some((earlier) => isSame(earlier.segment, segment)),
  );
}

/** The same part of what the end sends, whatever it acknowledges. */
function isSame(a: Segment, b: Segment): boolean {
  const takesNumbers = sizeOf(a.flags, a.length) > 0;
  return takesNumbers && a.seq === b.seq && a.flags === b.flags && a.length === b.length;
}

function wordOf({ flags, length }: Segment): Answer {
  const ack = flags.includes('.');
  if (flags.includes('R')) return ack ? 'RST+ACK' : 'RST';
  if (flags.includes('S')) return ack ? 'SYN-ACK' : 'SYN';
  if (flags.includes('F')) return 'FIN';
  return length > 0 ? 'DATA' : 'ACK';
}

function segmentOf(
  { atMs, segment }: SeenPacket,
  { sent, numbers }: Trial,
  sinceMs: number,
  retransmission: boolean,
): SentSegment {
  const iss = sent.find(({ segment: { flags } }) => flags.includes('S'))?.segment.seq;
  const { seq, ack, flags, length } = segment;
  return {
    flags,
    seq: iss === undefined ? seq : seqDistance(seq, iss),
    ack: ack === null ? null : seqDistance(ack, numbers.isn),
    length,
    afterMs: Math.round((atMs - sinceMs) * 10) / 10,
    retransmission,
  };
}

function witnessesOf(timeline: Timeline, trial: Trial): Cell['witnesses'] {
  const { connection, after } = trial;
  const end = endOf(connection, 'server', after ?? 'CLOSED');
  return {
    'socket-table': after === undefined ? [] : [after],
    packets: packetFoldOf(timeline, connection, 'server').end.states,
    'kernel-events': kernelEvents.follow(timeline, end).at(-1)?.states ?? [],
  };
}
