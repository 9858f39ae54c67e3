import { ARCS, type Arc, findArc, type Trigger } from '../tcp/arcs.ts';
import { sameEndpoint } from '../tcp/endpoint.ts';
import type { Input, Step } from '../tcp/fold.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { State } from '../tcp/state.ts';
import type { ConnectionEnd } from './connection.ts';
import type { Counted, HostName, SocketsSeen } from './events.ts';
import { hasGuests } from './foreign-rules.ts';
import { concernsEnd, isAbortive, programCalls } from './program-calls.ts';
import { repliesTo } from './replies.ts';
import type { Timeline } from './timeline.ts';
import { rowOf } from './witness/socket-table.ts';

/** What the segments of an end show. */
interface Segments {
  /** What it sent and received, in order. A function, because it is seldom needed. */
  inputs: () => readonly Input[];
  /** The changes that they leave possible, and do not show by themselves. */
  possible: readonly Step[];
}

/** Finds the transition of a change that no segment explains, by the calls at that time and the timer before it. */
export class CallsAndTimers {
  readonly #timeline: Timeline;
  readonly #actions: Action[];
  readonly #tables: SocketsSeen[];
  readonly #counted: Counted[];
  readonly #end: ConnectionEnd;
  readonly #segments: Segments;
  #known: readonly Input[] | undefined;
  /** Whether a program may have made a call unseen. */
  readonly #isHidden: boolean;
  /** Whether a program's calls are seen, and there is a program. */
  readonly #isWatched: boolean;

  constructor(timeline: Timeline, end: ConnectionEnd, segments: Segments) {
    this.#timeline = timeline;
    this.#end = end;
    this.#segments = segments;
    const hasProgram = hasGuests(timeline, end.host);
    this.#isWatched = hasProgram && seesCalls(timeline, end.host);
    this.#isHidden = hasProgram && !this.#isWatched;
    this.#actions = [...ownActions(timeline, end), ...programActions(timeline, end)];
    this.#tables = timeline.of('sockets').filter(({ host }) => host === end.host);
    this.#counted = timeline.of('counted').filter(({ host }) => host === end.host);
  }

  /**
   * An RST that is sent ends a connection for several reasons: the program aborts, the administrator destroys it, a
   * keepalive gives up, data arrives that nobody can read. The calls, the timer and the segment before it tell. Whose
   * retransmissions are in vain sends none (tcp_timer.c, tcp_write_err).
   */
  confirm(arc: Arc | null, atMs: number): Arc | null {
    if (arc?.to !== 'CLOSED' || (arc.trigger !== 'abort' && arc.trigger !== 'close')) return arc;
    const { from, to } = arc;
    const byCall = this.#arcOfCall(from, to, atMs, atMs);
    if (byCall || arc.trigger === 'close') return byCall ?? arc;
    const refused = repliesTo(this.#inputs, atMs);
    if (refused) return findArc(from, refused, to) ?? null;
    const ended = this.#timerBefore(from, atMs);
    if (ended?.timer === 'keepalive') return findArc(from, ended.trigger, to) ?? null;
    // Of a socket without a descriptor, no program can make a call; where calls are seen and none was, none was made.
    return this.#isWatched || this.#isOrphan(from, atMs) ? null : arc;
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

  /** Whether a connect() took the ports of a TIME-WAIT, which ended that (net/ipv4/tcp_ipv4.c, tcp_twsk_unique). */
  gaveWay({ atMs, from }: Step, next: Step | undefined): boolean {
    if (from !== 'TIME-WAIT' || next?.atMs !== atMs || next.arc?.trigger !== 'connect') return false;
    const before = this.#tables.findLast((table) => table.atMs < atMs);
    const wasThere = before !== undefined && rowOf(before.rows, this.#end)?.state === 'TIME-WAIT';
    return wasThere && this.#timerBefore(from, atMs) === null && !this.isEndedByCall(before.atMs, atMs);
  }

  /** The arc from one state to the other that something took between these times; one and the same for an exact time. */
  arcAt(from: State, to: State, sinceMs: number, untilMs: number): Arc | null {
    const byCall = this.#arcOfCall(from, to, sinceMs, untilMs);
    if (byCall) return byCall;
    // It was ended by a call for which the table has no arc, not by a timer.
    if (to === 'CLOSED' && this.isEndedByCall(sinceMs, untilMs)) return null;
    const timer = this.#timerBefore(from, untilMs);
    const other = timer?.trigger ?? this.#errorBefore(sinceMs, untilMs);
    const candidates = taken(from, to);
    const byOther = candidates.find(({ trigger }) => trigger === other);
    const bySegment = this.#segments.possible.find((step) => step.from === from && step.to === to)?.arc;
    const found = byOther ?? bySegment ?? this.#arcOfArrival(from, to, sinceMs, untilMs);
    if (found || !this.#isHidden || (from !== 'CLOSED' && from !== 'LISTEN')) return found;
    // The program's call is unseen, but nothing else leads from one state to the other.
    return candidates.find(({ trigger }) => ['listen', 'connect', 'close'].includes(trigger)) ?? null;
  }

  /** What Linux may have done between these times, by the segments, where no arc leads from one state to the other. */
  whyAt(from: State, to: State, sinceMs: number, untilMs: number): string | undefined {
    const isIt = (step: Step) => step.from === from && step.to === to;
    return this.#segments.possible.find((step) => isIt(step) && step.atMs >= sinceMs && step.atMs <= untilMs)
      ?.why;
  }

  /** The transition of an end whose reply to a SYN or data shows it closed: that segment ended it, if nothing else did. */
  arcOfRefusal(from: State, to: State, sinceMs: number, atMs: number): Arc | null {
    const other = this.arcAt(from, to, sinceMs, atMs);
    const refused = other ? null : repliesTo(this.#inputs, atMs);
    if (refused === 'data after close') return findArc(from, refused, to) ?? null;
    if (refused !== 'SYN') return other;
    return (from === 'FIN-WAIT-2' || from === 'SYN-RECEIVED' ? findArc(from, 'SYN') : undefined) ?? null;
  }

  /** Whether there was a call that ends a connection in any state. */
  isEndedByCall(sinceMs: number, untilMs: number): boolean {
    return this.#within(sinceMs, untilMs).some(({ ends }) => ends);
  }

  /** An RST shows that a call discarded unread data; without an RST, only the time of the change does. */
  #arcOfCall(from: State, to: State, sinceMs: number, untilMs: number): Arc | null {
    const isExact = sinceMs === untilMs;
    const triggers = this.#within(sinceMs, untilMs).flatMap(({ triggers, mayDiscard }) =>
      isExact && mayDiscard ? [...triggers, 'abort' as const] : triggers,
    );
    const arcs = triggers.flatMap((trigger) => taken(from, to).filter((arc) => arc.trigger === trigger));
    return arcs[0] ?? null;
  }

  #within(sinceMs: number, untilMs: number): Action[] {
    return this.#actions.filter(({ fromMs, toMs }) => fromMs <= untilMs && toMs >= sinceMs);
  }

  /** If the exact time is known, the segment that arrived just before. Not for CLOSED, where it may not be the cause. */
  #arcOfArrival(from: State, to: State, sinceMs: number, untilMs: number): Arc | null {
    if (sinceMs !== untilMs || to === 'CLOSED') return null;
    const last = this.#inputs.findLast(({ direction, atMs }) => direction === 'received' && atMs <= untilMs);
    if (!last || !('segment' in last) || last.atMs < sinceMs - SOFTIRQ_MS) return null;
    const isSyn = last.segment.flags === 'S';
    return (isSyn ? findArc(from, 'SYN', to) : undefined) ?? null;
  }

  /** An ICMP error after which the end sent nothing more; its segments do not show whether it heeds one. */
  #errorBefore(sinceMs: number, untilMs: number): Trigger | null {
    const error = this.#inputs.findLast((input) => 'icmp' in input && input.atMs <= untilMs);
    const isLast = error && error.atMs >= sinceMs - SOFTIRQ_MS && !this.#hasSentSince(error.atMs, untilMs);
    return isLast ? 'ICMP unreachable' : null;
  }

  #hasSentSince(sinceMs: number, untilMs: number): boolean {
    return this.#inputs.some(
      ({ direction, atMs }) => direction === 'sent' && atMs > sinceMs && atMs < untilMs,
    );
  }

  #isOrphan(from: State, untilMs: number): boolean {
    const hasClosed = from === 'FIN-WAIT-1' || from === 'FIN-WAIT-2';
    return hasClosed && this.#rowBefore(untilMs)?.row.inode === 0;
  }

  get #inputs(): readonly Input[] {
    this.#known ??= this.#segments.inputs();
    return this.#known;
  }

  /** What the socket table last showed of the end, and when it began to be read. */
  #rowBefore(untilMs: number): { atMs: number; row: SocketRow } | undefined {
    const before = this.#tables.findLast(({ atMs, rows }) => atMs < untilMs && rowOf(rows, this.#end));
    const row = before && rowOf(before.rows, this.#end);
    // A slow machine may take long to read its table: the row is as old as that, at most.
    return before && row && { atMs: before.atMs - before.tookMs, row };
  }

  /**
   * The timer that can have ended this state, by what the socket table last showed of it; null when none ran, or none was due.
   * A state that is over sooner was ended by something else: a program, or somebody who destroyed the socket.
   */
  #timerBefore(from: State, untilMs: number): Ended | null {
    const before = this.#rowBefore(untilMs);
    if (!before || before.row.timer === 'none') return null;
    const { timer, inode, expiresMs } = before.row;
    if (untilMs < before.atMs + (expiresMs ?? 0) - EARLY_MS) return null;
    if (from === 'TIME-WAIT') return { timer, trigger: '2 MSL' };
    // The keepalive timer measures the part of tcp_fin_timeout that is above a minute (tcp.c, __tcp_close).
    const isOrphans = from === 'FIN-WAIT-2' && (timer === 'time-wait' || inode === 0);
    if (isOrphans) return { timer: 'time-wait', trigger: 'FIN-WAIT-2 timeout' };
    // A request that is given up is not counted; but one that retransmits its SYN-ACK then has not been given up.
    if (from === 'SYN-RECEIVED' && inode === 0)
      return this.#hasSentSince(before.atMs, untilMs) ? null : { timer, trigger: 'retries exhausted' };
    if (!this.#gaveUp(untilMs)) return null;
    if (this.#isUserTimeout(from, untilMs)) return { timer, trigger: 'user timeout' };
    return { timer, trigger: timer === 'keepalive' ? 'keepalive exhausted' : 'retries exhausted' };
  }

  /** The kernel counts each connection that it times out (tcp_timer.c, tcp_write_err): a count of 0 rules that out. */
  #gaveUp(untilMs: number): boolean {
    const counted = this.#counted.findLast(({ atMs }) => atMs >= untilMs);
    return counted === undefined || (counted.counters['TcpExtTCPAbortOnTimeout'] ?? 0) > 0;
  }

  /**
   * Whether TCP_USER_TIMEOUT was what ran out. Where it is set it replaces the counts of retransmissions and probes; a
   * handshake ends by whichever comes first (tcp_timer.c, retransmits_timed_out).
   */
  #isUserTimeout(from: State, untilMs: number): boolean {
    const timeoutMs = this.#userTimeoutMs(untilMs);
    if (timeoutMs === 0) return false;
    if (from !== 'SYN-SENT' && from !== 'SYN-RECEIVED') return true;
    const first = this.#tables.find(({ rows }) => rowOf(rows, this.#end) !== undefined);
    return first !== undefined && untilMs - first.atMs >= timeoutMs - EARLY_MS;
  }

  /** By the program's own socket, or by what tcplab has set; 0 where it is not set. */
  #userTimeoutMs(untilMs: number): number {
    const { host, local, remote } = this.#end;
    const isOwn = (event: { local: ConnectionEnd['local']; remote: ConnectionEnd['remote'] }) =>
      sameEndpoint(event.local, local) && sameEndpoint(event.remote, remote);
    const read = this.#timeline
      .of('socket-options')
      .findLast((event) => event.host === host && event.atMs <= untilMs && event.options && isOwn(event));
    const set = this.#timeline
      .of('call')
      .findLast(
        (event) => event.host === host && event.atMs <= untilMs && event.detail.startsWith(USER_TIMEOUT),
      );
    return read?.options?.[USER_TIMEOUT] ?? Number(set?.detail.split(' ')[1] ?? 0);
  }
}

const USER_TIMEOUT = 'TCP_USER_TIMEOUT';

/** What ran out, and the timer that measured it. */
interface Ended {
  timer: SocketRow['timer'];
  trigger: Trigger;
}

/** The arcs from one state to another, without those that Linux refuses. */
function taken(from: State, to: State): Arc[] {
  return ARCS.filter((arc) => arc.from === from && arc.to === to && !arc.refusal);
}

/** A packet takes effect in the softirq that the capture saw it in: as good as at once, on a machine that is not stopped. */
const SOFTIRQ_MS = 1;

/** The table's timers are rounded to kernel ticks of up to 10 ms. */
const EARLY_MS = 20;

/** An action on the end's socket, and its duration. */
interface Action {
  fromMs: number;
  toMs: number;
  /** What it may have triggered, the likeliest first. */
  triggers: readonly Trigger[];
  /** Whether it is a close(), which aborts when there is data that was not read (RFC 2525, 2.17). */
  mayDiscard: boolean;
  /** Whether it ends a connection in any state. */
  ends: boolean;
}

function actionOf(fromMs: number, tookMs: number, call: string, isAbort: boolean): Action {
  const triggers = TRIGGERS[call] ?? [];
  // Where there is nothing to abort, it is a close().
  const all: readonly Trigger[] = isAbort ? ['abort', ...triggers] : triggers;
  const ends = isAbort || call === 'destroy';
  return { fromMs, toMs: fromMs + tookMs, triggers: all, mayDiscard: call === 'close', ends };
}

/** tcplab's own calls. */
/** When a connect() failed before it sent a SYN; by tcplab or a program. */
export function vainConnects(
  timeline: Timeline,
  { host }: ConnectionEnd,
): { fromMs: number; toMs: number }[] {
  const own = timeline
    .of('call')
    .filter(({ call, result }) => call === 'connect' && NOTHING_SENT.has(result));
  const others = programCalls(timeline).filter(
    ({ call, result }) => call === 'connect' && NOTHING_SENT.has(result ?? ''),
  );
  return [...own, ...others]
    .filter((event) => event.host === host)
    .map(({ atMs, tookMs }) => ({ fromMs: atMs, toMs: atMs + (tookMs ?? 0) }));
}

/** connect(2): no port, no route; or another socket has the connection. */
const NOTHING_SENT: ReadonlySet<string> = new Set([
  'EADDRNOTAVAIL',
  'EADDRINUSE',
  'ENETUNREACH',
  'EHOSTUNREACH',
]);

function ownActions(timeline: Timeline, end: ConnectionEnd): Action[] {
  return timeline
    .of('call')
    .filter(({ host, result }) => host === end.host && (result === 'ok' || result === 'EINPROGRESS'))
    .map(
      ({ atMs, tookMs, call, detail }): Action =>
        actionOf(atMs, tookMs, call, call === 'abort' || detail.includes('SO_LINGER')),
    );
}

/** What the kernel saw programs do; a process that exits closes what it has open. */
function programActions(timeline: Timeline, end: ConnectionEnd): Action[] {
  const calls = programCalls(timeline);
  const own = calls.filter((call) => concernsEnd(call, end));
  const pids = new Set(own.map(({ pid }) => pid));
  const exits = timeline.of('process-exited').filter(({ host, pid }) => host === end.host && pids.has(pid));
  return [
    ...own.map((called) => {
      const { atMs, tookMs, call } = called;
      return actionOf(atMs, tookMs ?? Number.POSITIVE_INFINITY, call, isAbortive(called, calls));
    }),
    ...exits.flatMap(({ atMs, pid }): Action[] => {
      const last = timeline
        .of('kernel')
        .findLast((event) => event.host === end.host && event.pid === pid && event.atMs >= atMs);
      // The kernel event of a close precedes the RST.
      return last ? [actionOf(atMs, last.atMs - atMs + SOFTIRQ_MS, 'close', false)] : [];
    }),
  ];
}

/** Whether kernel events report the calls of programs in a host. */
function seesCalls(timeline: Timeline, host: HostName): boolean {
  const opened = timeline.of('lab-opened')[0];
  return (opened?.hosts ? opened.hosts[host] : opened)?.kernelEvents?.noCalls === null;
}

/** The triggers that a call may be. */
const TRIGGERS: Record<string, Trigger[]> = {
  listen: ['listen'],
  connect: ['connect'],
  close: ['close'],
  shutdown: ['close'],
  destroy: ['destroy'],
};
