import { ARCS, type Arc, type Trigger } from '../tcp/arcs.ts';
import type { Step } from '../tcp/fold.ts';
import type { State } from '../tcp/state.ts';
import type { ConnectionEnd } from './connection.ts';
import type { Counted, HostName, SocketsSeen } from './events.ts';
import { concernsEnd, isAbortive, programCalls } from './program-calls.ts';
import type { Timeline } from './timeline.ts';
import { rowOf } from './witness/socket-table.ts';

/** Which arc a change is that no segment explains, by the calls that were made meanwhile and the timer that ran before. */
export class CallsAndTimers {
  readonly #deeds: Deed[];
  readonly #tables: SocketsSeen[];
  readonly #counted: Counted[];
  readonly #end: ConnectionEnd;
  readonly #possible: readonly Step[];
  /** Whether a program may have done something that nobody saw. */
  readonly #isHidden: boolean;
  /** Whether a program's calls are seen, and there is a program. */
  readonly #isWatched: boolean;

  /** `possible`: the changes that segments leave possible, and do not show by themselves. */
  constructor(timeline: Timeline, end: ConnectionEnd, possible: readonly Step[] = []) {
    this.#possible = possible;
    this.#end = end;
    const hasProgram = timeline.of('program-started').some(({ host }) => host === end.host);
    this.#isWatched = hasProgram && seesCalls(timeline, end.host);
    this.#isHidden = hasProgram && !this.#isWatched;
    this.#deeds = [...ownDeeds(timeline, end), ...programDeeds(timeline, end)];
    this.#tables = timeline.of('sockets').filter(({ host }) => host === end.host);
    this.#counted = timeline.of('counted').filter(({ host }) => host === end.host);
  }

  /**
   * An RST that is sent ends a connection for several reasons: the program aborts, the administrator destroys it, a
   * keepalive gives up. The segment is the same; the calls and the timer tell. Whose retries are exhausted sends none
   * (tcp_timer.c, tcp_write_err).
   */
  confirm(arc: Arc | null, atMs: number): Arc | null {
    if (arc?.trigger !== 'abort') return arc;
    const told = this.arcAt(arc.from, arc.to, atMs, atMs);
    if (told && told.trigger !== 'retries exhausted') return told;
    // Where the kernel tells of a program's calls and tells of none, somebody else has ended it.
    return told || !this.#isWatched ? arc : null;
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
    const bySegment = this.#possible.find((step) => step.from === from && step.to === to)?.arc;
    const found = byTimer ?? bySegment ?? null;
    if (found || !this.#isHidden || (from !== 'CLOSED' && from !== 'LISTEN')) return found;
    // Nobody saw the program's call, but nothing else leads from here to there.
    return candidates.find(({ trigger }) => ['listen', 'connect', 'close'].includes(trigger)) ?? null;
  }

  /** Whether there was a call that ends a connection in any state. */
  isEndedByCall(sinceMs: number, untilMs: number): boolean {
    return this.#within(sinceMs, untilMs).some(({ ends }) => ends);
  }

  #callsWithin(sinceMs: number, untilMs: number): Set<Trigger> {
    return new Set(this.#within(sinceMs, untilMs).flatMap(({ triggers }) => triggers));
  }

  #within(sinceMs: number, untilMs: number): Deed[] {
    return this.#deeds.filter(({ fromMs, toMs }) => fromMs <= untilMs && toMs >= sinceMs);
  }

  /**
   * The timer that can have ended this state, by what the socket table last showed of it; null when none ran, or none was due.
   * A state that is over sooner was ended by something else: a program, or somebody who destroyed the socket.
   */
  #timerBefore(from: State, untilMs: number): Trigger | null {
    const before = this.#tables.findLast(({ atMs, rows }) => atMs < untilMs && rowOf(rows, this.#end));
    const row = before && rowOf(before.rows, this.#end);
    if (!before || !row || row.timer === 'none') return null;
    if (untilMs < before.atMs + (row.expiresMs ?? 0) - EARLY_MS) return null;
    if (from === 'TIME-WAIT') return '2 MSL';
    if (from === 'FIN-WAIT-2') return 'FIN-WAIT-2 timeout';
    // A request that is given up is not counted.
    if (from !== 'SYN-RECEIVED' && !this.#gaveUp(untilMs)) return null;
    return row.timer === 'keepalive' ? 'keepalive exhausted' : 'retries exhausted';
  }

  /** The kernel counts each connection that it gives up (tcp_timer.c, tcp_write_err): where it says that it gave up none, it did not. */
  #gaveUp(untilMs: number): boolean {
    const counted = this.#counted.findLast(({ atMs }) => atMs >= untilMs);
    return counted === undefined || (counted.counters['TcpExtTCPAbortOnTimeout'] ?? 0) > 0;
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
  /** Whether it ends a connection in any state. */
  ends: boolean;
}

function deed(fromMs: number, tookMs: number, call: string, isAbort: boolean): Deed {
  const triggers = TRIGGERS[call] ?? [];
  // Where there is nothing to abort, it is a close().
  const all: readonly Trigger[] = isAbort ? ['abort', ...triggers] : triggers;
  return { fromMs, toMs: fromMs + tookMs, triggers: all, ends: isAbort || call === 'destroy' };
}

/** tcplab's own calls. */
function ownDeeds(timeline: Timeline, end: ConnectionEnd): Deed[] {
  return timeline
    .of('call')
    .filter(({ host, result }) => host === end.host && (result === 'ok' || result === 'EINPROGRESS'))
    .map(
      ({ atMs, tookMs, call, detail }): Deed =>
        deed(atMs, tookMs, call, call === 'abort' || detail.includes('SO_LINGER')),
    );
}

/** What the kernel saw programs do; a process that exits closes what it has open. */
function programDeeds(timeline: Timeline, end: ConnectionEnd): Deed[] {
  const calls = programCalls(timeline);
  const own = calls.filter((call) => concernsEnd(call, end));
  const pids = new Set(own.map(({ pid }) => pid));
  const exits = timeline.of('process-exited').filter(({ host, pid }) => host === end.host && pids.has(pid));
  return [
    ...own.map((called) => {
      const { atMs, tookMs, call } = called;
      const isAbort = call === 'close' && isAbortive(called, calls);
      return deed(atMs, tookMs ?? Number.POSITIVE_INFINITY, call, isAbort);
    }),
    ...exits.flatMap(({ atMs, pid }): Deed[] => {
      const closed = timeline
        .of('kernel')
        .filter((event) => event.host === end.host && event.pid === pid && event.atMs >= atMs);
      return closed.map((event) => deed(event.atMs, 0, 'close', false));
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
