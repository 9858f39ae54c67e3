import { forecastRequest } from './request.ts';
import type { SocketRow } from './socket-row.ts';
import type { State } from './state.ts';
import type { TcpSysctls } from './sysctls.ts';
import { meanLatenessMs } from './timer-wheel.ts';
import {
  finWait2Stages,
  onlyForOrphans,
  type Peculiarities,
  probeSchedule,
  replyMs,
  type Schedule,
  schedule,
  type Waiting,
} from './timers.ts';

/** The timer fields of a socket-table row. */
type TimedRow = Pick<
  SocketRow,
  'state' | 'timer' | 'expiresMs' | 'retransmits' | 'inode' | 'info' | 'local' | 'remote'
>;

export interface Forecast {
  /** What is waited for; null when no timer runs. */
  timer: Waiting | null;
  /** Until something happens. */
  nextMs: number | null;
  /** How many more times something is sent before the end; null when there is no end. */
  remaining: number | null;
  /** Time from now until the kernel gives up; null if it never does, or if that is unknown. */
  givesUpMs: number | null;
  /** The latest end, where the end itself depends on what the peer sends. */
  atMostMs: number | null;
  /** The state after that. A request socket is not a state of the listener: it is just removed. */
  nextState: State | null;
  /** What would keep the end from coming then. */
  unless: string | null;
  /** The times of transmissions, from now. An endless list is cut off. */
  sendsMs: readonly number[];
  /** Which setting controls it, in a line. */
  because: string;
}

/** By how much a timer may have been longer than what is left of it, to still be of the same class of lateness. */
const LONGEST_FACTOR = 8;

/** Whether the socket is orphaned. A row without an inode may also be in the accept queue. */
export function isOrphan({ state, inode }: Pick<SocketRow, 'state' | 'inode'>): boolean {
  return inode === 0 && ORPHAN_STATES.has(state);
}

const ORPHAN_STATES: ReadonlySet<State> = new Set(['FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSING', 'LAST-ACK']);

/**
 * The future of a socket if its peer sends nothing more. The row does not show when the first segment was sent:
 * that is computed from its count of retransmissions and its current timeout.
 */
export function forecast(row: TimedRow, sysctls: TcpSysctls, options: Peculiarities = {}): Forecast {
  const result = forecastWith(row, { ...sysctls, rtoMaxMs: options.rtoMaxMs ?? sysctls.rtoMaxMs }, options);
  return { ...result, because: result.because + restsOn(options, result.because) };
}

/** The process that set the options in the reason, or that they could not be read. */
function restsOn({ setBy, unread }: Peculiarities, because: string): string {
  if (unread) return "; the socket's own options can't be read, and would change that";
  return setBy !== undefined && /TCP_|keepalive/.test(because) ? ` (set by ${setBy})` : '';
}

function forecastWith(row: TimedRow, sysctls: TcpSysctls, options: Peculiarities): Forecast {
  const orphan = options.orphan ?? isOrphan(row);
  const waiting = waitingOf(row, orphan);
  if (!waiting || row.expiresMs === null) return noTimer(row, sysctls);
  const known = { ...options, orphan, ...measured(row, waiting, sysctls) };
  if (waiting === 'FIN-WAIT-2') return forecastFinWait2(row, row.expiresMs, sysctls, known);
  if (waiting === 'SYN-ACK')
    return { timer: waiting, ...forecastRequest(row.expiresMs, row.retransmits, sysctls, known) };
  const { planned, done } =
    waiting === 'zero-window probe'
      ? { planned: probeSchedule(sysctls, known, row), done: 0 }
      : since(schedule(waiting, sysctls, known), row, waiting);
  const steps = planned.endMs === null ? planned.offsetsMs : [...planned.offsetsMs, planned.endMs];
  const stepMs = (steps[done] ?? 0) - (steps[done - 1] ?? 0);
  // With unknown options the plan may assume a timer of hours, and the real one runs for seconds.
  const runsMs = options.unread ? Math.min(stepMs, LONGEST_FACTOR * row.expiresMs) : stepMs;
  const nextMs = row.expiresMs + meanLatenessMs(runsMs, options.hz);
  const isAnswered = waiting === 'keepalive probe' && keepsBeingAnswered(row, stepMs, options);
  const endless = planned.endMs === null || isAnswered;
  return {
    timer: waiting,
    nextMs,
    remaining: endless ? null : planned.offsetsMs.length - done,
    givesUpMs: endless ? null : nextMs + (planned.endMs ?? 0) - (steps[done] ?? planned.endMs ?? 0),
    atMostMs: null,
    nextState: endless ? null : 'CLOSED',
    unless:
      waiting === 'TIME-WAIT' && options.finsMs?.length
        ? 'the peer retransmits its FIN, which restarts it'
        : null,
    sendsMs: planned.offsetsMs.slice(done).map((atMs) => nextMs + atMs - (steps[done] ?? 0)),
    because: isAnswered
      ? `no limit while the peer replies to the probes; else ${planned.because}`
      : planned.because,
  };
}

/** An unanswered probe stays in the count, also the last one until its reply is there (tcp_keepalive_timer). */
function keepsBeingAnswered(
  { retransmits, expiresMs, info }: TimedRow,
  stepMs: number,
  { answered }: Peculiarities,
) {
  const isFresh = stepMs - (expiresMs ?? 0) < replyMs(info);
  return answered ?? retransmits < (isFresh ? 2 : 1);
}

/**
 * How long ago a segment was first sent that is still not acknowledged, by the count of retransmissions and the running timeout; null
 * if nothing is retransmitted.
 */
export function waitedMs(row: TimedRow, sysctls: TcpSysctls, options: Peculiarities = {}): number | null {
  const orphan = options.orphan ?? isOrphan(row);
  const waiting = row.timer === 'retransmission' ? waitingOf(row, orphan) : null;
  if (!waiting || waiting === 'SYN-ACK' || row.expiresMs === null) return null;
  const known = { ...options, orphan, ...measured(row, waiting, sysctls) };
  const { planned, done } = since(schedule(waiting, sysctls, known), row, waiting);
  return Math.max(0, (planned.offsetsMs[done] ?? planned.endMs ?? 0) - row.expiresMs);
}

function waitingOf({ state, timer, inode }: TimedRow, orphan: boolean): Waiting | null {
  switch (timer) {
    case 'none':
      return null;
    case 'time-wait':
      return state === 'FIN-WAIT-2' ? 'FIN-WAIT-2' : 'TIME-WAIT';
    case 'keepalive':
      // An orphan's FIN-WAIT-2 of more than 60 s begins on the timer that keepalive has no more use for.
      return state === 'FIN-WAIT-2' && orphan ? 'FIN-WAIT-2' : 'keepalive probe';
    case 'probe':
      return 'zero-window probe';
    case 'retransmission':
      if (state === 'SYN-SENT') return 'SYN';
      if (state === 'SYN-RECEIVED') return inode === 0 ? 'SYN-ACK' : 'SYN-ACK of a simultaneous open';
      return 'data or FIN';
  }
}

/** What no segment ends: an RST to a listener is ignored, and a closed socket has no peer. */
const PEERLESS: ReadonlySet<State> = new Set(['CLOSED', 'LISTEN']);

function noTimer({ state }: TimedRow, sysctls: TcpSysctls): Forecast {
  return {
    timer: null,
    nextMs: null,
    remaining: null,
    givesUpMs: null,
    atMostMs: null,
    nextState: null,
    unless: null,
    sendsMs: [],
    because:
      state === 'FIN-WAIT-2'
        ? onlyForOrphans(sysctls)
        : `no timer runs now: ${state} lasts until the program ${PEERLESS.has(state) ? 'acts' : 'or the peer acts'}`,
  };
}

/** The round-trip time and the timeout before backoff, as far as the row shows them. */
function measured({ info }: TimedRow, waiting: Waiting, { rtoMaxMs, rtoMinMs }: TcpSysctls): Peculiarities {
  if (!info || waiting === 'SYN') return {};
  const rttMs = info.rttMs;
  // The window is probed at the backed-off timeout, but icsk_rto is left as it is.
  if (waiting !== 'data or FIN' || info.backoff === 0) return { rttMs, rtoMs: info.rtoMs };
  const unbackedMs = info.rtoMs / 2 ** info.backoff;
  return { rttMs, rtoMs: info.rtoMs < rtoMaxMs ? unbackedMs : Math.max(unbackedMs, rttMs + rtoMinMs) };
}

/** How many steps of the schedule lie behind the socket: the running timer leads to the next. */
function since(planned: Schedule, { retransmits, info }: TimedRow, waiting: Waiting) {
  // The loss probe is in no count but the total of the connection's life: an old one looks like a new one.
  const probed = waiting === 'data or FIN' && (retransmits > 0 || (info?.totalRetransmits ?? 0) > 0);
  const done = retransmits + (probed ? planned.lossProbes : 0);
  return { planned, done: Math.min(done, planned.offsetsMs.length) };
}

function forecastFinWait2(
  { timer }: TimedRow,
  expiresMs: number,
  sysctls: TcpSysctls,
  options: Peculiarities,
): Forecast {
  const { stagesMs, because } = finWait2Stages(sysctls, options);
  const secondMs = timer === 'keepalive' ? (stagesMs[1] ?? 0) : 0;
  const nextMs = expiresMs + meanLatenessMs(stagesMs[0] ?? 0, options.hz);
  const givesUpMs = nextMs + secondMs + (secondMs ? meanLatenessMs(secondMs, options.hz) : 0);
  const nothing = { remaining: 0, atMostMs: null, unless: null, sendsMs: [] };
  return { timer: 'FIN-WAIT-2', nextMs, givesUpMs, nextState: 'CLOSED', because, ...nothing };
}
