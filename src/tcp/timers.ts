import { type PendingRequest, requestSchedule } from './request.ts';
import type { SocketRow } from './socket-row.ts';
import { SYSCTL_NAMES, type TcpSysctls } from './sysctls.ts';
import { meanLatenessMs, USUAL_HZ } from './timer-wheel.ts';

/**
 * What the kernel's timers will do: a model of net/ipv4/tcp_timer.c that goes by the sysctls of a host,
 * and that test/timers.test.ts holds against real sockets. Times are what to expect: a timer of the kernel never
 * fires early and on average a little late (see `meanLatenessMs`).
 */

/** TCP_TIMEOUT_INIT (include/net/tcp.h; RFC 6298, 2.1): before a round trip has been measured. */
const INITIAL_RTO_MS = 1000;
/** TCP_RTO_MIN: a constant, in which the kernel also measures what is too long. The sysctl does not change it. */
const RTO_MIN_CONSTANT_MS = 200;
/** TCP_TIMEWAIT_LEN: a constant that no sysctl changes. */
const TIME_WAIT_MS = 60_000;

/** What a connection has beyond the host's sysctls. */
export interface Peculiarities {
  /** TCP_USER_TIMEOUT, 0 for none. */
  userTimeoutMs?: number;
  /** TCP_SYNCNT, in place of tcp_syn_retries. */
  synCount?: number;
  /** TCP_LINGER2, in place of tcp_fin_timeout. */
  linger2S?: number;
  /** TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT. */
  keepalive?: { timeS?: number; intervalS?: number; probes?: number };
  /** TCP_RTO_MAX_MS, in place of tcp_rto_max_ms. */
  rtoMaxMs?: number;
  /** TCP_DEFER_ACCEPT of the listener. */
  deferS?: number;
  /** What is known of a request. */
  request?: PendingRequest;
  /** When the peer retransmits its FIN, in ms from now. */
  finsMs?: readonly number[];
  /** The process that set these options. */
  setBy?: string;
  /** The SYN-ACK can't leave its host: a rule drops it in the output hook. */
  unsendable?: boolean;
  /** Its options could not be read: they may differ from the sysctls. */
  unread?: boolean;
  /** The retransmission timeout before any backoff. Else that for a peer nearby. */
  rtoMs?: number;
  /** The smoothed round trip. */
  rttMs?: number;
  /** No descriptor refers to the socket any more. */
  orphan?: boolean;
  /** Whether the peer replies to probes. Default: by its row. */
  answered?: boolean;
  hz?: number;
}

/** What the kernel retransmits, or what else a timer waits for. */
export type Waiting =
  | 'SYN'
  | 'SYN-ACK'
  | 'SYN-ACK of a simultaneous open'
  | 'data or FIN'
  | 'zero-window probe'
  | 'keepalive probe'
  | 'FIN-WAIT-2'
  | 'TIME-WAIT';

/** From the first transmission (for keepalive: from the last segment that came in) to the end. */
export interface Schedule {
  /** The times of retransmissions. An endless list is cut off. */
  offsetsMs: number[];
  /** How many of them are loss probes, which the kernel does not count as retransmissions. */
  lossProbes: number;
  /** When the kernel gives up; null when it never does. */
  endMs: number | null;
  /** Which setting controls the end, in a line. */
  because: string;
}

/** All that the kernel will send until it gives up, if the peer sends nothing (but see `answered`). */
export function schedule(waiting: Waiting, sysctls: TcpSysctls, options: Peculiarities = {}): Schedule {
  switch (waiting) {
    case 'SYN':
      return synSchedule(sysctls, options, sysctls.synLinearTimeouts);
    case 'SYN-ACK of a simultaneous open':
      return synSchedule(sysctls, options, 0);
    case 'SYN-ACK':
      return requestSchedule(sysctls, options);
    case 'data or FIN':
      return dataSchedule(sysctls, options);
    case 'zero-window probe':
      return probeSchedule(sysctls, options);
    case 'keepalive probe':
      return keepaliveSchedule(sysctls, options);
    case 'FIN-WAIT-2':
      return finWait2Schedule(sysctls, options);
    case 'TIME-WAIT': {
      const because = 'TIME-WAIT lasts 60 s on Linux (TCP_TIMEWAIT_LEN); no sysctl changes it';
      return wait([TIME_WAIT_MS], because, options.hz);
    }
  }
}

/**
 * tcp_write_timeout() for SYN-SENT, and for SYN-RECEIVED by simultaneous open. It is over when there have been
 * tcp_syn_retries (and, in SYN-SENT, tcp_syn_linear_timeouts more), or, which may be sooner, when as much time has gone
 * by as tcp_syn_retries doublings take.
 */
function synSchedule(sysctls: TcpSysctls, options: Peculiarities, linear: number): Schedule {
  const retries = options.synCount || sysctls.synRetries;
  const userTimeoutMs = options.userTimeoutMs ?? 0;
  const limitMs = userTimeoutMs || modelTimeoutMs(retries, INITIAL_RTO_MS, sysctls.rtoMaxMs);
  const setting = options.synCount
    ? `TCP_SYNCNT = ${retries}`
    : `${SYSCTL_NAMES.synRetries} = ${sysctls.synRetries}`;
  const because = userTimeoutMs
    ? `TCP_USER_TIMEOUT = ${userTimeoutMs} ms`
    : [setting, ...(linear ? [`${SYSCTL_NAMES.synLinearTimeouts} = ${linear}`] : [])].join(', ');
  return retransmissions({
    firstRtoMs: INITIAL_RTO_MS,
    rtoMaxMs: sysctls.rtoMaxMs,
    linear,
    // retrans_stamp is set when the SYN leaves (tcp_output.c, tcp_connect).
    clockStartsAt: 'transmission',
    expired: (elapsedMs, sent) => sent >= retries + linear || elapsedMs >= limitMs,
    userTimeoutMs,
    hz: options.hz,
    because,
  });
}

/**
 * tcp_write_timeout() for everything after the handshake: a segment is given up not after a number of retransmissions
 * but after the time that this number would take with a timeout of 200 ms (retransmits_timed_out), counted from the
 * first retransmission. So about one more is seen than the sysctl says, and the loss probe beside them. Lateness decides
 * where the time is nearly over when a timeout comes: 4 often ends with the same retransmission as 3.
 */
function dataSchedule(sysctls: TcpSysctls, options: Peculiarities): Schedule {
  const { rtoMaxMs, retries2, orphanRetries } = sysctls;
  const userTimeoutMs = options.userTimeoutMs ?? 0;
  const rtoMs = Math.min(options.rtoMs ?? nearbyRtoMs(sysctls, options.hz), rtoMaxMs);
  const setting = options.orphan
    ? `orphaned: ${SYSCTL_NAMES.orphanRetries} = ${orphanRetries}${orphanRetries === 0 ? ', which means 8' : ''}`
    : `${SYSCTL_NAMES.retries2} = ${retries2}`;
  const probes = (sysctls.earlyRetrans === 3 || sysctls.earlyRetrans === 4) && sysctls.sack !== 0;
  return retransmissions({
    firstRtoMs: rtoMs,
    rtoMaxMs,
    linear: 0,
    // tcp_schedule_loss_probe(), for one segment under way.
    lossProbeMs: probes ? Math.min(2 * (options.rttMs ?? 0) + sysctls.rtoMinMs, rtoMs) : null,
    clockStartsAt: 'retransmission',
    expired: (elapsedMs, sent, presentRtoMs) => {
      const retries = options.orphan ? orphanRetriesNow(orphanRetries, presentRtoMs < rtoMaxMs) : retries2;
      const limitMs = userTimeoutMs || modelTimeoutMs(retries, RTO_MIN_CONSTANT_MS, rtoMaxMs);
      return sent > 0 && elapsedMs >= limitMs;
    },
    userTimeoutMs,
    hz: options.hz,
    because: userTimeoutMs ? `TCP_USER_TIMEOUT = ${userTimeoutMs} ms` : setting,
  });
}

/** tcp_orphan_retries(): 0 means 8 as long as the timeout has not grown to its maximum, and then really 0. */
function orphanRetriesNow(orphanRetries: number, alive: boolean): number {
  return orphanRetries === 0 && alive ? 8 : orphanRetries;
}

/**
 * tcp_probe_timer() and tcp_send_probe0(). While the peer answers, nothing ends it but TCP_USER_TIMEOUT, or for an
 * orphan that the time between probes has grown to the maximum.
 */
export function probeSchedule(
  sysctls: TcpSysctls,
  options: Peculiarities,
  row?: Pick<SocketRow, 'expiresMs' | 'retransmits' | 'info'>,
): Schedule {
  const { rtoMaxMs, retries2 } = sysctls;
  const { userTimeoutMs = 0, orphan = false, hz } = options;
  const baseMs = Math.max(options.rtoMs ?? nearbyRtoMs(sysctls, hz), RTO_MIN_CONSTANT_MS);
  const intervalMs = (doublings: number) => Math.min(baseMs * 2 ** doublings, rtoMaxMs);
  let backoff = row?.info?.backoff ?? 0;
  let delayMs = intervalMs(backoff);
  // An answer sets the count of probes back to 0. One that comes less than 500 ms after the last may be left out
  // (tcp_oow_rate_limited), and that to the latest probe may still be under way.
  const unanswered = row?.retransmits ?? 0;
  const isFresh = delayMs - (row?.expiresMs ?? 0) < replyMs(row?.info);
  const answered = options.answered ?? unanswered < (isFresh ? 3 : 2);
  let nowMs = 0;
  // tcp_probe_timer() takes the time from the first probe (icsk_probes_tstamp).
  let clockMs: number | null = backoff === 0 ? null : (row?.expiresMs ?? 0) - delayMs;
  for (let n = 1; n < backoff; n++) clockMs = (clockMs ?? 0) - intervalMs(n);
  if (row?.expiresMs != null) delayMs = row.expiresMs;
  const offsetsMs: number[] = [];
  let ended = false;
  while (offsetsMs.length < ENOUGH_PROBES) {
    nowMs += delayMs + meanLatenessMs(delayMs, hz);
    const alive = baseMs * 2 ** backoff < rtoMaxMs;
    const allowed = orphan ? orphanRetriesNow(sysctls.orphanRetries, alive) : retries2;
    ended =
      (userTimeoutMs > 0 && clockMs !== null && nowMs - clockMs >= userTimeoutMs) ||
      (orphan && !alive && backoff >= allowed) ||
      (!answered && unanswered + offsetsMs.length >= allowed);
    if (ended) break;
    offsetsMs.push(nowMs);
    clockMs ??= nowMs;
    backoff = Math.max(backoff, Math.min(backoff + 1, retries2));
    // tcp_clamp_probe0_to_user_timeout()
    const leftMs = userTimeoutMs ? Math.max(userTimeoutMs - (nowMs - clockMs), 1) : Number.POSITIVE_INFINITY;
    delayMs = Math.min(intervalMs(backoff), leftMs);
  }
  const setting = orphan
    ? `orphaned: ${SYSCTL_NAMES.orphanRetries} = ${sysctls.orphanRetries}, counted once the probes are ${rtoMaxMs / 1000} s apart`
    : answered
      ? 'no limit while the peer replies to the probes'
      : `${SYSCTL_NAMES.retries2} = ${retries2}`;
  const because = userTimeoutMs
    ? `TCP_USER_TIMEOUT = ${userTimeoutMs} ms, even if the peer replies`
    : setting;
  return { offsetsMs, lossProbes: 0, endMs: ended ? nowMs : null, because };
}

const ENOUGH_PROBES = 300;

/** By when a reply to a probe is there, also on a busy machine, in ms. */
export function replyMs(info: { rttMs: number } | null | undefined): number {
  return 200 + 4 * (info?.rttMs ?? 0);
}

/** tcp_keepalive_timer(). */
function keepaliveSchedule(sysctls: TcpSysctls, options: Peculiarities): Schedule {
  const { userTimeoutMs = 0, keepalive = {}, hz } = options;
  const timeS = keepalive.timeS ?? sysctls.keepaliveTimeS;
  const intervalS = keepalive.intervalS ?? sysctls.keepaliveIntervalS;
  const probes = keepalive.probes ?? sysctls.keepaliveProbes;
  const offsetsMs: number[] = [];
  let nowMs = timeS * 1000 + meanLatenessMs(timeS * 1000, hz);
  const over = () =>
    userTimeoutMs ? nowMs >= userTimeoutMs && offsetsMs.length > 0 : offsetsMs.length >= probes;
  while (!over()) {
    offsetsMs.push(nowMs);
    nowMs += intervalS * 1000 + meanLatenessMs(intervalS * 1000, hz);
  }
  const because = userTimeoutMs
    ? `TCP_USER_TIMEOUT = ${userTimeoutMs} ms, which replaces the number of keepalive probes`
    : `keepalive: ${probes} probes, ${intervalS} s apart, after ${timeS} s idle (net.ipv4.tcp_keepalive_*, TCP_KEEP*)`;
  return { offsetsMs, lossProbes: 0, endMs: nowMs, because };
}

/**
 * An orphan's FIN-WAIT-2 (tcp.c, __tcp_close; tcp_input.c, TCP_FIN_WAIT1). Up to 60 s it is as long as the sysctl says.
 * Above that the part beyond 60 s counts twice: first for the socket, then (tcp_keepalive_timer) for the TIME-WAIT socket
 * that takes its place. So 61 makes 2 s, 90 makes 60 s, and only 120 makes 120 s.
 */
export function finWait2Stages(
  sysctls: TcpSysctls,
  options: Peculiarities,
): { stagesMs: number[]; because: string } {
  const setting = options.linger2S
    ? `TCP_LINGER2 = ${options.linger2S}`
    : `${SYSCTL_NAMES.finTimeoutS} = ${sysctls.finTimeoutS}`;
  const leastMs = 3.5 * (options.rtoMs ?? nearbyRtoMs(sysctls, options.hz));
  const timeMs = Math.max((options.linger2S || sysctls.finTimeoutS) * 1000, leastMs);
  const excessMs = timeMs - TIME_WAIT_MS;
  if (excessMs <= 0) return { stagesMs: [timeMs], because: setting };
  const because = `${setting}: the kernel waits the part above 60 s twice`;
  return { stagesMs: [excessMs, Math.max(excessMs, leastMs)], because };
}

function finWait2Schedule(sysctls: TcpSysctls, options: Peculiarities): Schedule {
  const { stagesMs, because } = finWait2Stages(sysctls, options);
  if (options.orphan === false) {
    return { offsetsMs: [], lossProbes: 0, endMs: null, because: onlyForOrphans(sysctls) };
  }
  return wait(stagesMs, because, options.hz);
}

export function onlyForOrphans({ finTimeoutS }: TcpSysctls): string {
  return `no timer: ${SYSCTL_NAMES.finTimeoutS} = ${finTimeoutS} applies only after close()`;
}

interface RetransmissionRule {
  firstRtoMs: number;
  rtoMaxMs: number;
  /** How many timeouts pass before they begin to double. */
  linear: number;
  lossProbeMs?: number | null;
  /** When the time that `expired` takes began (tcp_sock.retrans_stamp). */
  clockStartsAt: 'transmission' | 'retransmission';
  /** Asked when the timer fires; `sent` retransmissions so far. */
  expired: (elapsedMs: number, sent: number, rtoMs: number) => boolean;
  userTimeoutMs: number;
  hz: number | undefined;
  because: string;
}

/** tcp_retransmit_timer(), timeout after timeout. */
function retransmissions(rule: RetransmissionRule): Schedule {
  const { rtoMaxMs, linear, userTimeoutMs, hz } = rule;
  const lossProbeMs = rule.lossProbeMs ?? null;
  const offsetsMs: number[] = [];
  let nowMs = 0;
  if (lossProbeMs !== null) {
    nowMs = lossProbeMs + meanLatenessMs(lossProbeMs, hz);
    offsetsMs.push(nowMs);
  }
  let clockMs = rule.clockStartsAt === 'transmission' ? 0 : null;
  let rtoMs = rule.firstRtoMs;
  let delayMs = rtoMs;
  for (let sent = 0; ; ) {
    nowMs += delayMs + meanLatenessMs(delayMs, hz);
    if (sent > 0 && rule.expired(nowMs - (clockMs ?? nowMs), sent, rtoMs)) break;
    offsetsMs.push(nowMs);
    clockMs ??= nowMs;
    sent++;
    if (sent > linear) rtoMs = Math.min(rtoMs * 2, rtoMaxMs);
    // tcp_clamp_rto_to_user_timeout()
    delayMs = userTimeoutMs ? Math.max(Math.min(rtoMs, userTimeoutMs - (nowMs - clockMs)), 1) : rtoMs;
  }
  return { offsetsMs, lossProbes: lossProbeMs === null ? 0 : 1, endMs: nowMs, because: rule.because };
}

/** tcp_model_timeout(): how long so many timeouts take that begin at `baseMs`, double, and stop at the maximum. */
function modelTimeoutMs(retries: number, baseMs: number, rtoMaxMs: number): number {
  const doublings = Math.floor(Math.log2(Math.floor(rtoMaxMs / baseMs)));
  const doubling = Math.min(retries, doublings);
  return (2 ** (doubling + 1) - 1) * baseMs + Math.max(0, retries - doublings) * rtoMaxMs;
}

/** The timeout where the round trip is next to nothing: the minimum, and the tick to which it is rounded up. */
function nearbyRtoMs({ rtoMinMs }: TcpSysctls, hz: number = USUAL_HZ): number {
  return rtoMinMs + 1000 / hz;
}

/** One wait after the other, in which nothing is sent. */
function wait(stagesMs: number[], because: string, hz?: number): Schedule {
  const endMs = stagesMs.reduce((sumMs, stageMs) => sumMs + stageMs + meanLatenessMs(stageMs, hz), 0);
  return { offsetsMs: [], lossProbes: 0, endMs, because };
}
