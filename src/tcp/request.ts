import type { Forecast } from './forecast.ts';
import { SYSCTL_NAMES, type TcpSysctls } from './sysctls.ts';
import { meanLatenessMs } from './timer-wheel.ts';
import type { Peculiarities, Schedule } from './timers.ts';

/** What becomes of a request socket: a model of reqsk_timer_handler() (net/ipv4/inet_connection_sock.c). */

/** TCP_TIMEOUT_INIT. */
const FIRST_TIMEOUT_MS = 1000;
/** TCP_RTO_MAX: request sockets do not honor tcp_rto_max_ms (as of Linux 6.18). */
const TIMEOUT_MAX_MS = 120_000;
/** More timeouts than the kernel counts (struct request_sock, num_timeout). */
const MOST_TIMEOUTS = 255;
/** What the kernel rounds a timeout up by, at most. */
const TICK_MS = 10;
/** No fewer SYN-ACKs than these are allowed by a listener that has many requests. */
const LEAST_RETRIES = 2;

/** What is known of a request beyond its listener's options. */
export interface PendingRequest {
  /** How often its timer has expired. The row's count is higher: it includes the SYN-ACKs that replied to a SYN. */
  timeouts: number | null;
  /** The client's ACK has arrived, and the request waits for data or for space in the accept queue. */
  acknowledged: boolean;
  /** When the client retransmits its SYN, from now; null if unknown. */
  synsMs: readonly number[] | null;
  /** It is one of so many that its listener may send fewer SYN-ACKs. */
  crowded: boolean;
}

/** The time from one expiry of the timer to the next (tcp_reqsk_timeout). */
function timeoutMs(timeouts: number): number {
  return Math.min(FIRST_TIMEOUT_MS * 2 ** timeouts, TIMEOUT_MAX_MS);
}

function lateTimeoutMs(timeouts: number, hz?: number): number {
  return timeoutMs(timeouts) + meanLatenessMs(timeoutMs(timeouts), hz);
}

/** secs_to_retrans() of TCP_DEFER_ACCEPT (net/ipv4/tcp.c): the timeouts that such a time takes. */
function deferredTimeouts(seconds: number): number {
  if (seconds <= 0) return 0;
  let timeouts = 1;
  for (let ms = timeoutMs(0); seconds * 1000 > ms && timeouts < MOST_TIMEOUTS; timeouts++)
    ms += timeoutMs(timeouts);
  return timeouts;
}

/** How many timeouts are over so long after a SYN-ACK, at which there had been `before`: those of a deferral send nothing. */
export function timeoutsSince(sinceMs: number, expiresMs: number, before: number): number {
  let [timeouts, overMs] = [before, lateTimeoutMs(before)];
  while (timeouts < MOST_TIMEOUTS && overMs + timeoutMs(timeouts + 1) / 2 < sinceMs + expiresMs)
    overMs += lateTimeoutMs(++timeouts);
  return timeouts;
}

interface Rule {
  retries: number;
  /** After so many timeouts the client's bare ACK counts, and before them no SYN-ACK is sent; 0 for no deferral. */
  deferral: number;
  unsendable: boolean;
  because: string;
}

function ruleFor({ synackRetries }: TcpSysctls, options: Peculiarities): Rule {
  const { synCount, deferS = 0, request, unsendable = false } = options;
  const retries = synCount || synackRetries;
  const setting = synCount
    ? `the listener's TCP_SYNCNT = ${synCount}`
    : `${SYSCTL_NAMES.synackRetries} = ${synackRetries}`;
  const deferral = request?.acknowledged ? deferredTimeouts(deferS) : 0;
  const rule = { retries, deferral, unsendable: unsendable && !request?.acknowledged };
  if (deferral)
    return {
      ...rule,
      because: `the listener's TCP_DEFER_ACCEPT = ${deferS} s: data from the client, or its ACK after that time, establishes the connection`,
    };
  if (rule.unsendable)
    return { ...rule, because: "a SYN-ACK that can't leave its host ends the request at its first timer" };
  return { ...rule, because: setting };
}

/** The whole life of a request, if the client sends nothing more. */
export function requestSchedule(sysctls: TcpSysctls, options: Peculiarities): Schedule {
  const rule = ruleFor(sysctls, options);
  const { sendsMs, endMs } = lifeFrom(0, lateTimeoutMs(0, options.hz), rule, options.hz);
  return { offsetsMs: sendsMs, lossProbes: 0, endMs, because: rule.because };
}

/** syn_ack_recalc(), timeout after timeout; the first of them is so long from now. */
function lifeFrom(timeouts: number, firstMs: number, { retries, deferral, unsendable }: Rule, hz?: number) {
  const sendsMs: number[] = [];
  let nowMs = firstMs;
  for (let passed = timeouts; ; nowMs += lateTimeoutMs(++passed, hz)) {
    if (unsendable || (passed >= retries && passed >= deferral)) return { sendsMs, endMs: nowMs };
    if (passed >= deferral - 1) sendsMs.push(nowMs);
  }
}

/** The future of a request whose timer expires in `expiresMs`, and whose row counts so many SYN-ACKs. */
export function forecastRequest(
  expiresMs: number,
  counted: number,
  sysctls: TcpSysctls,
  options: Peculiarities,
): Omit<Forecast, 'timer'> {
  const { request, hz } = options;
  const rule = ruleFor(sysctls, options);
  let timeouts = request?.timeouts ?? counted;
  // The row may be newer than the packets.
  while (timeouts < MOST_TIMEOUTS && expiresMs > timeoutMs(timeouts) + TICK_MS) timeouts++;
  const firstMs = expiresMs + meanLatenessMs(timeoutMs(timeouts), hz);
  const { sendsMs, endMs } = lifeFrom(timeouts, firstMs, rule, hz);
  const [sendMs = endMs] = sendsMs;
  const unsure =
    request?.timeouts == null && counted > 0
      ? `; some of its ${counted} retransmissions may have answered a SYN, and then it lasts longer`
      : '';
  const common = { atMostMs: null, unless: null, sendsMs, because: rule.because + unsure };
  if (rule.deferral && sendsMs.length > 0)
    return { ...common, nextMs: sendMs, remaining: null, givesUpMs: null, nextState: 'ESTABLISHED' };
  const definite = {
    nextMs: sendMs,
    remaining: sendsMs.length,
    givesUpMs: endMs,
    nextState: 'LISTEN',
  } as const;
  if (request?.crowded && rule.retries > LEAST_RETRIES && !rule.unsendable)
    return {
      ...common,
      nextMs: sendMs,
      remaining: null,
      givesUpMs: null,
      atMostMs: endMs,
      nextState: 'LISTEN',
      because: `${common.because}; down to ${LEAST_RETRIES} while requests fill more than half of the backlog`,
    };
  if (request?.acknowledged) return { ...common, ...definite };
  const synsMs = request?.synsMs ?? null;
  if (synsMs === null)
    return { ...common, ...definite, unless: 'another SYN arrives, which restarts the timer' };
  const { renewing, lastMs } = renewedBy(synsMs, endMs, rule, hz);
  if (renewing === undefined) return { ...common, ...definite };
  return {
    ...common,
    nextMs: Math.min(sendMs, renewing),
    remaining: null,
    givesUpMs: null,
    atMostMs: lastMs,
    nextState: 'LISTEN',
    because: `${common.because}; each SYN that the client retransmits ${rule.unsendable ? 'makes a new request' : 'restarts the timer'}`,
  };
}

/** Timers that end so close together, as a share of their time, may fire in any order. */
const SAME_SHARE = 1 / 8;
const SAME_MS = 300;

/** The next SYN that arrives before the request is removed, or so close that either may be first; and how long it may last. */
function renewedBy(synsMs: readonly number[], endMs: number, rule: Rule, hz?: number) {
  const wholeMs = lifeFrom(0, lateTimeoutMs(0, hz), rule, hz).endMs;
  let [renewing, lastMs] = [undefined as number | undefined, endMs];
  for (const synMs of synsMs) {
    const isNear = Math.abs(synMs - lastMs) <= Math.max(SAME_MS, lastMs * SAME_SHARE);
    // inet_rtx_syn_ack() fails where a SYN-ACK can't leave, and then the SYN restarts nothing.
    if (!isNear && (synMs > lastMs || rule.unsendable)) continue;
    renewing ??= synMs;
    lastMs = synMs + wholeMs;
  }
  return { renewing, lastMs };
}
