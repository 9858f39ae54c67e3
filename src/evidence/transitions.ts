import { ARCS, type Arc, type Trigger } from '../tcp/arcs.ts';
import { foldEnd, type Step } from '../tcp/fold.ts';
import type { State } from '../tcp/state.ts';
import { type Connection, type ConnectionEnd, endOf } from './connection.ts';
import type { HostName, SocketsSeen } from './events.ts';
import { concernsEnd, isAbortive, programCalls } from './program-calls.ts';
import { inputsOf } from './segments.ts';
import type { Timeline } from './timeline.ts';
import { kernelChanges, kernelEvents } from './witness/kernel-events.ts';
import { packets } from './witness/packets.ts';
import { rowOf, socketTable, stateInTable } from './witness/socket-table.ts';
import type { Witness, WitnessName } from './witness/witness.ts';

/** One change of state of one end, and what is known of it. */
export interface Transition {
  atMs: number;
  host: HostName;
  from: State;
  to: State;
  /** Null when the RFC's table does not explain it. */
  arc: Arc | null;
  /** Who told it first-hand; its time is from there. */
  source: WitnessName;
  /** The witnesses that saw the end in `to`, and nowhere else, before its next transition. */
  seenBy: WitnessName[];
}

/** Something that the kernel printed and that is no transition of the connection. */
export interface Particularity {
  atMs: number;
  host: HostName;
  from: State;
  to: State;
  why: string;
}

export interface Course {
  transitions: Transition[];
  particularities: Particularity[];
}

/** How both ends of a connection changed their states, as all the witnesses together tell it. */
export function courseOf(timeline: Timeline, connection: Connection): Course {
  const courses = (['client', 'server'] as const).map((host) => courseOfEnd(timeline, connection, host));
  return {
    transitions: courses.flatMap(({ transitions }) => transitions).sort(inTime),
    particularities: courses.flatMap(({ particularities }) => particularities).sort(inTime),
  };
}

interface Draft extends Omit<Transition, 'seenBy'> {
  /** Printed for the socket that listens, which may close while a connection that came from it stands. */
  ofListener?: boolean;
}

function courseOfEnd(timeline: Timeline, connection: Connection, host: HostName): Course {
  const end = endOf(connection, host, 'CLOSED');
  const evidence = new CallsAndTimers(timeline, end);
  const { steps } = foldEnd(inputsOf(timeline, connection, host));
  const drafts = steps
    .filter((step) => step.arc !== null && !evidence.isLeftOpen(step))
    .map((step): Draft => ({ ...step, host, arc: evidence.confirm(step.arc, step.atMs), source: 'packets' }));
  const particularities = addKernelChanges(timeline, end, drafts, evidence);
  addTableChanges(timeline, end, drafts, evidence);
  for (const { atMs, from, to } of steps.filter(({ arc }) => arc === null)) {
    // Found changed: when it happened, others may have seen; or found it too, later.
    const same = drafts.filter((draft) => draft.from === from && draft.to === to);
    if (same.some((draft) => draft.atMs <= atMs)) continue;
    const later = same.find(({ source }) => source === 'socket-table');
    if (later) drafts.splice(drafts.indexOf(later), 1);
    drafts.push({ atMs, host, from, to, arc: evidence.arcAt(from, to, 0, atMs), source: 'packets' });
  }
  drafts.sort(inTime);
  const own = ofConnection(drafts);
  return {
    transitions: drafts.map((draft) => {
      const next = nextAfter(
        draft,
        own.filter((later) => drafts.indexOf(later) > drafts.indexOf(draft)),
      );
      return corroborate(timeline, connection, draft, next);
    }),
    particularities,
  };
}

/** In the order of time, without what the listener did once the end was a connection of its own. */
function ofConnection(drafts: readonly Draft[]): Draft[] {
  const own: Draft[] = [];
  for (const draft of [...drafts].sort(inTime)) {
    const state = own.at(-1)?.to ?? draft.from;
    if (!draft.ofListener || draft.from === state) own.push(draft);
  }
  return own;
}

/** What the kernel printed and no segment shows: calls, timers, and the ways in which Linux differs from the RFC's picture. */
function addKernelChanges(
  timeline: Timeline,
  end: ConnectionEnd,
  drafts: Draft[],
  evidence: CallsAndTimers,
): Particularity[] {
  const particularities: Particularity[] = [];
  const unmatched = [...drafts];
  for (const { atMs, from, to, ofListener } of kernelChanges(timeline, end)) {
    const match = unmatched.findIndex((draft) => draft.from === from && draft.to === to);
    if (match >= 0) {
      unmatched.splice(match, 1);
      continue;
    }
    const isEnded = to === 'CLOSED' && evidence.isEndedByCall(atMs, atMs);
    const why = isEnded ? null : whyParticular(from, to, drafts);
    if (why) particularities.push({ atMs, host: end.host, from, to, why });
    else
      drafts.push({
        atMs,
        host: end.host,
        from,
        to,
        arc: evidence.arcAt(from, to, atMs, atMs),
        source: 'kernel-events',
        ofListener,
      });
  }
  return particularities;
}

/** Where Linux prints something else than the RFC's picture has (kernel: net/ipv4/tcp_minisocks.c, tcp_input.c). */
function whyParticular(from: State, to: State, drafts: readonly Draft[]): string | null {
  const takes = (a: State, b: State) => drafts.some((draft) => draft.from === a && draft.to === b);
  if (from === to) return 'closing a socket that was shut down sets its state again';
  if (from === 'LISTEN' && to === 'SYN-RECEIVED')
    return 'the full socket is made, by way of SYN-RECEIVED, at the final ACK';
  if (from === 'FIN-WAIT-1' && to === 'FIN-WAIT-2' && takes('FIN-WAIT-1', 'TIME-WAIT')) {
    return 'a FIN that acknowledges ours passes through FIN-WAIT-2';
  }
  if (
    to === 'CLOSED' &&
    (takes(from, 'TIME-WAIT') || (from === 'FIN-WAIT-2' && takes('FIN-WAIT-1', 'TIME-WAIT')))
  ) {
    return 'the full socket ends where TIME-WAIT begins';
  }
  if (from === 'FIN-WAIT-2' && to === 'CLOSED') return 'an orphan’s FIN-WAIT-2 goes on without a full socket';
  return null;
}

/** Changes that only the socket table shows: without kernel events, those that no segment makes. */
function addTableChanges(
  timeline: Timeline,
  end: ConnectionEnd,
  drafts: Draft[],
  evidence: CallsAndTimers,
): void {
  const tables = timeline.of('sockets').filter(({ host }) => host === end.host);
  let [first, lastMs] = [undefined as State | undefined, 0];
  for (const { atMs, tookMs, rows } of tables) {
    const seen = stateInTable(rows, { ...end, listening: true });
    first ??= seen;
    const own = ofConnection(drafts);
    const before = own.filter((draft) => draft.atMs <= atMs - tookMs);
    const meanwhile = own.filter((draft) => draft.atMs > atMs - tookMs && draft.atMs <= atMs);
    // While the table was read the end may have moved on: each of these may be what was read.
    const possible = [before.at(-1)?.to ?? first, ...meanwhile.map(({ to }) => to)];
    const from = possible.at(-1) as State;
    // When a connection's row is gone its listener's is left: that is CLOSED, or LISTEN where it came from.
    const isOver = before.length > 0 && possible.includes('CLOSED') && seen === 'LISTEN';
    if (!possible.includes(seen) && !isOver) {
      const isBack = seen !== 'LISTEN' || evidence.arcAt(from, seen, lastMs, atMs) !== null;
      const to = isBack ? seen : 'CLOSED';
      const arc = evidence.arcAt(from, to, lastMs, atMs);
      drafts.push({ atMs, host: end.host, from, to, arc, source: 'socket-table' });
    }
    lastMs = atMs;
  }
}

/** Which arc a change is that no segment explains, by the calls that were made meanwhile and the timer that ran before. */
class CallsAndTimers {
  readonly #deeds: Deed[];
  readonly #tables: SocketsSeen[];
  readonly #end: ConnectionEnd;
  /** Whether a program may have done something that nobody saw. */
  readonly #isHidden: boolean;

  constructor(timeline: Timeline, end: ConnectionEnd) {
    this.#end = end;
    const hasProgram = timeline.of('program-started').some(({ host }) => host === end.host);
    this.#isHidden = hasProgram && !seesCalls(timeline, end.host);
    this.#deeds = [...ownDeeds(timeline, end), ...programDeeds(timeline, end)];
    this.#tables = timeline.of('sockets').filter(({ host }) => host === end.host);
  }

  /**
   * An RST that is sent ends a connection for several reasons: the program aborts, the administrator destroys it, a
   * keepalive gives up. The segment is the same; the calls and the timer tell. Whose retries are exhausted sends none
   * (tcp_timer.c, tcp_write_err).
   */
  confirm(arc: Arc | null, atMs: number): Arc | null {
    if (arc?.trigger !== 'abort') return arc;
    const told = this.arcAt(arc.from, arc.to, atMs, atMs);
    return told?.trigger === 'retries exhausted' ? arc : (told ?? arc);
  }

  /**
   * An RST ends TIME-WAIT or not, as net.ipv4.tcp_rfc1337 has it: the segment does not tell. The table is recorded when
   * it changes, so a row that was never seen gone is there.
   */
  isLeftOpen({ atMs, arc }: Step): boolean {
    if (arc?.from !== 'TIME-WAIT' || arc.trigger !== 'RST') return false;
    const isGone = ({ rows }: SocketsSeen) => rowOf(rows, this.#end)?.state !== 'TIME-WAIT';
    return !this.#tables.some((table) => table.atMs >= atMs && isGone(table));
  }

  arcAt(from: State, to: State, sinceMs: number, untilMs: number): Arc | null {
    const candidates = ARCS.filter((arc) => arc.from === from && arc.to === to);
    const called = this.#callsWithin(sinceMs, untilMs);
    const byCall = candidates.find(({ trigger }) => called.has(trigger));
    if (byCall) return byCall;
    // It was ended by a call for which the table has no arc, not by a timer.
    if (to === 'CLOSED' && this.isEndedByCall(sinceMs, untilMs)) return null;
    const byTimer = candidates.find(({ trigger }) => trigger === this.#timerBefore(from, untilMs));
    if (byTimer || !this.#isHidden || (from !== 'CLOSED' && from !== 'LISTEN')) return byTimer ?? null;
    // Nobody saw the program's call, but nothing else leads from here to there.
    return candidates.find(({ trigger }) => ['listen', 'connect', 'close'].includes(trigger)) ?? null;
  }

  /** Whether there was a call that ends a connection in any state. */
  isEndedByCall(sinceMs: number, untilMs: number): boolean {
    return this.#within(sinceMs, untilMs).some(({ triggers }) => ENDINGS.includes(triggers.join()));
  }

  #callsWithin(sinceMs: number, untilMs: number): Set<Trigger> {
    return new Set(this.#within(sinceMs, untilMs).flatMap(({ triggers }) => triggers));
  }

  #within(sinceMs: number, untilMs: number): Deed[] {
    return this.#deeds.filter(({ fromMs, toMs }) => fromMs <= untilMs && toMs >= sinceMs);
  }

  /** The timer that can have ended this state, by what the socket table last showed of it; null when none ran. */
  #timerBefore(from: State, untilMs: number): Trigger | null {
    const before = this.#tables.findLast(({ atMs, rows }) => atMs < untilMs && rowOf(rows, this.#end));
    const row = before && rowOf(before.rows, this.#end);
    if (!before || !row || row.timer === 'none') return null;
    // Nothing makes this one shorter: a row that is gone sooner was ended by something else.
    const isEarly = untilMs < before.atMs + (row.expiresMs ?? 0) - EARLY_MS;
    if (row.timer === 'time-wait' && isEarly) return null;
    if (from === 'TIME-WAIT') return '2 MSL';
    if (from === 'FIN-WAIT-2') return 'FIN-WAIT-2 timeout';
    return row.timer === 'keepalive' ? 'keepalive exhausted' : 'retries exhausted';
  }
}

/** What the table tells of a timer is rounded to ticks of the kernel, of up to 10 ms. */
const EARLY_MS = 20;

/** What somebody did to the end's socket, and for how long. */
interface Deed {
  fromMs: number;
  toMs: number;
  /** What it may have triggered. */
  triggers: readonly Trigger[];
}

/** Deeds that end a connection in any state. */
const ENDINGS: readonly string[] = ['abort', 'destroy'];

/** tcplab's own calls. */
function ownDeeds(timeline: Timeline, end: ConnectionEnd): Deed[] {
  return timeline
    .of('call')
    .filter(({ host, result }) => host === end.host && (result === 'ok' || result === 'EINPROGRESS'))
    .map(({ atMs, tookMs, call, detail }): Deed => {
      const isAbort = call === 'abort' || detail.includes('SO_LINGER');
      return { fromMs: atMs, toMs: atMs + tookMs, triggers: isAbort ? ['abort'] : (TRIGGERS[call] ?? []) };
    });
}

/** What the kernel saw programs do; a process that exits closes what it has open. */
function programDeeds(timeline: Timeline, end: ConnectionEnd): Deed[] {
  const calls = programCalls(timeline);
  const own = calls.filter((call) => concernsEnd(call, end));
  const pids = new Set(own.map(({ pid }) => pid));
  const exits = timeline.of('process-exited').filter(({ host, pid }) => host === end.host && pids.has(pid));
  return [
    ...own.map((called): Deed => {
      const { atMs, tookMs, call } = called;
      const isAbort = call === 'close' && isAbortive(called, calls);
      const toMs = atMs + (tookMs ?? Number.POSITIVE_INFINITY);
      return { fromMs: atMs, toMs, triggers: isAbort ? ['abort'] : (TRIGGERS[call] ?? []) };
    }),
    ...exits.flatMap(({ atMs, pid }): Deed[] => {
      const closed = timeline
        .of('kernel')
        .filter((event) => event.host === end.host && event.pid === pid && event.atMs >= atMs);
      return closed.map((event) => ({
        fromMs: event.atMs,
        toMs: event.atMs,
        triggers: TRIGGERS['close'] ?? [],
      }));
    }),
  ];
}

/** Whether the kernel tells of what programs in a host call. */
function seesCalls(timeline: Timeline, host: HostName): boolean {
  const opened = timeline.of('lab-opened')[0];
  return (opened?.hosts ? opened.hosts[host] : opened)?.kernelEvents?.noCalls === null;
}

/** The triggers that a call may be. A close aborts when there is data that was not read (RFC 2525, 2.17). */
const TRIGGERS: Record<string, Trigger[]> = {
  listen: ['listen'],
  connect: ['connect'],
  close: ['close', 'abort'],
  shutdown: ['close'],
  destroy: ['destroy'],
};

function corroborate(
  timeline: Timeline,
  connection: Connection,
  draft: Draft,
  next: Draft | undefined,
): Transition {
  const end = endOf(connection, draft.host, draft.to);
  const saw = (witness: Witness) =>
    witness.follow(timeline, end).some(({ atMs, states }) => {
      const inTime = atMs >= draft.atMs - CLOCKS_AGREE_MS && (!next || atMs < next.atMs);
      return inTime && states.length === 1 && states[0] === draft.to;
    });
  const seenBy = [socketTable, packets, kernelEvents].filter(saw).map(({ name }) => name);
  const { atMs, host, from, to, arc, source } = draft;
  return { atMs, host, from, to, arc, source, seenBy };
}

/** A listener stays one while connections come from it. */
function nextAfter(draft: Draft, later: Draft[]): Draft | undefined {
  return later.find(({ from, to }) => draft.to !== 'LISTEN' || (from === 'LISTEN' && to !== 'SYN-RECEIVED'));
}

/** Stamps of packets and of kernel events come from two clocks, whose distance is measured to about a microsecond. */
const CLOCKS_AGREE_MS = 0.05;

function inTime(a: { atMs: number }, b: { atMs: number }): number {
  return a.atMs - b.atMs;
}
