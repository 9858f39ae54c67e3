import { SYSCTL_NAMES, type TcpSysctls } from '../../../tcp/sysctls.ts';
import type { Schedule } from '../../../tcp/timers.ts';

/** `300 ms`, `1.4 s`, `64 s`, `134 s (2 min 14 s)`, `7950 s (2 h 12 min)`. */
export function duration(ms: number): string {
  if (ms < 950) return `${Math.round(ms / 10) * 10} ms`;
  const seconds = rounded(ms);
  if (seconds < 120) return `${seconds} s`;
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  const parts = hours
    ? [`${hours} h`, minutes && `${minutes} min`]
    : [`${minutes} min`, seconds % 60 && `${seconds % 60} s`];
  return `${seconds} s (${parts.filter(Boolean).join(' ')})`;
}

/** The times of the retransmissions: `0.2, 0.4 and 0.8 s`; of a long list the first ones and the last. */
export function times({ offsetsMs }: Schedule): string {
  const seconds = offsetsMs.map(rounded);
  if (seconds.length === 0) return 'never';
  const shown =
    seconds.length > MOST_TIMES ? [...seconds.slice(0, MOST_TIMES - 2), '…', seconds.at(-1)] : seconds;
  const [last, rest] = [shown.at(-1), shown.slice(0, -1)];
  return rest.length ? `${rest.join(', ').replace('…,', '…')} and ${last} s` : `${last} s`;
}

const MOST_TIMES = 12;

/** In seconds. A timer's lateness is not worth a decimal: 4.1 is 4, but 1.7 stays 1.7. */
function rounded(ms: number): number {
  const seconds = ms / 1000;
  const whole = Math.round(seconds);
  return seconds >= 10 || Math.abs(seconds - whole) < 0.04 * seconds ? whole : Number(seconds.toFixed(1));
}

/** `net.ipv4.tcp_retries2 = 15`. */
export function setting(key: keyof TcpSysctls, sysctls: TcpSysctls): string {
  const value = sysctls[key];
  return `${SYSCTL_NAMES[key]} = ${value ?? 'unknown here'}`;
}

/**
 * When the kernel gives up, and the settings that decide it: `after about 134 s (2 min 14 s; net.ipv4.… = 6)`, or
 * `never` without a timeout.
 */
export function endBy(schedule: Schedule, settings: string): string {
  return `${end(schedule)} (${settings})`.replace(') (', '; ');
}

/** `after about 64 s`, or `never` without a timeout. */
export function end({ endMs }: Schedule): string {
  return endMs === null ? 'never' : `after about ${duration(endMs)}`;
}
