import type { SeenSocket } from '../tables/join.ts';
import { type Forecast, forecast, waitedMs } from '../tcp/forecast.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { State } from '../tcp/state.ts';
import { SYSCTL_NAMES, type TcpSysctls } from '../tcp/sysctls.ts';
import { type Peculiarities, type Schedule, schedule, type Waiting } from '../tcp/timers.ts';
import type { Ends, Since } from './diagnosis.ts';
import type { Known } from './known.ts';

const NOWHERE = { address: '0.0.0.0', port: 0 };

/** A socket of a table in the form that forecasts take. A retransmission timeout that the table does not show is that of a peer nearby. */
function timed(
  socket: SeenSocket,
  state: State,
): Omit<SocketRow, 'receiveQueue' | 'sendQueue' | 'uid' | 'cookie'> {
  const { timer, info } = socket;
  return {
    state,
    local: NOWHERE,
    remote: NOWHERE,
    timer: timer?.kind ?? 'none',
    expiresMs: timer?.leftMs ?? null,
    retransmits: timer?.count ?? 0,
    inode: socket.inode ?? 0,
    info:
      info?.rtoMs == null
        ? null
        : {
            rtoMs: info.rtoMs,
            rttMs: info.rttMs ?? 0,
            backoff: info.backoff,
            probes: 0,
            congestionWindow: 0,
            unacknowledged: info.unacknowledged,
            totalRetransmits: info.totalRetransmits,
          },
  };
}

/** What will become of it; null if the table shows no timer. */
export function futureOf(
  socket: SeenSocket,
  state: State,
  { sysctls }: Known,
  options: Peculiarities,
): (Forecast & { waitedMs: number | null }) | null {
  if (socket.timer === null) return null;
  const row = timed(socket, state);
  // Its backoff is not shown: the shortest that fits what is left makes the latest end.
  if (row.timer === 'probe' && row.info === null) row.info = probedBefore(row.expiresMs ?? 0, sysctls);
  const used = state === 'SYN-SENT' ? synSysctls(row, sysctls) : sysctls;
  return { ...forecast(row, used, options), waitedMs: waitedMs(row, used, options) };
}

/** The whole time that the kernel waits, from the first transmission on. */
export function planFor(waiting: Waiting, { sysctls }: Known, options: Peculiarities = {}): Schedule {
  return schedule(waiting, sysctls, options);
}

/** By how much a timer may be later than it was set for: an eighth (kernel/time/timer.c). */
const LATE = 1.125;

function probedBefore(leftMs: number, { rtoMinMs }: TcpSysctls): SocketRow['info'] {
  const rtoMs = rtoMinMs + 4;
  let backoff = 0;
  while (rtoMs * 2 ** backoff * LATE < leftMs && backoff < 12) backoff++;
  return { rtoMs, rttMs: 0, backoff, probes: 0, congestionWindow: 0, unacknowledged: 0, totalRetransmits: 0 };
}

/** With more left than a linear timeout has, the kernel is older than Linux 6.5, whose SYN timeouts double from the first. */
function synSysctls(row: Pick<SocketRow, 'expiresMs' | 'retransmits'>, sysctls: TcpSysctls): TcpSysctls {
  const { offsetsMs, endMs } = schedule('SYN', sysctls);
  const steps = [...offsetsMs, endMs ?? 0];
  const stepMs = (steps[row.retransmits] ?? 0) - (steps[row.retransmits - 1] ?? 0);
  return (row.expiresMs ?? 0) > stepMs * LATE ? { ...sysctls, synLinearTimeouts: 0 } : sysctls;
}

export const byProgram = (says: string): Ends => ({
  how: 'program',
  whenSeconds: null,
  tolerance: null,
  dependsOn: [],
  says,
});

export const never = (says: string): Ends => ({
  how: 'never',
  whenSeconds: null,
  tolerance: null,
  dependsOn: [],
  says,
});

interface Timed {
  ms: number | null;
  /** By how much it may be off. */
  toleranceMs?: number;
  dependsOn?: readonly string[];
  says: string;
}

export function byTimer({ ms, toleranceMs = 0, dependsOn = [], says }: Timed): Ends {
  return {
    how: 'timer',
    whenSeconds: ms === null ? null : seconds(ms),
    tolerance: ms === null ? null : Math.max(0.1, seconds(toleranceMs)),
    dependsOn: dependsOn.map((name) => name.replace(/^net\.ipv4\./, '')),
    says,
  };
}

export function since(ms: number, toleranceMs: number, from: string): Since {
  return { seconds: seconds(ms), tolerance: Math.max(0.1, seconds(toleranceMs)), from };
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}

export const NAMES: Readonly<Record<keyof TcpSysctls, string>> = SYSCTL_NAMES;
