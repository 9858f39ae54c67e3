import { roughly } from '../evidence/durations.ts';
import type { Ends } from './diagnosis.ts';
import { byTimer, NAMES } from './future.ts';
import type { Known } from './known.ts';

/**
 * The end of a connection whose keepalive probes are not answered. A table shows how long the running interval has left, and neither
 * the interval nor the limit. The interval is at least what is left of it; on average what is left is half.
 */
export function keepaliveEnd(
  leftMs: number,
  sent: number,
  { sysctls }: Known,
  options: KeepaliveOptions = {},
): Ends {
  const probes = options.probes ?? sysctls.keepaliveProbes;
  const more = Math.max(0, probes - sent);
  const end = (intervalMs: number) => leftMs + more * intervalMs;
  const dependsOn = [
    'TCP_KEEPIDLE',
    'TCP_KEEPINTVL',
    'TCP_KEEPCNT',
    NAMES.keepaliveIntervalS,
    NAMES.keepaliveProbes,
  ];
  if (options.intervalMs !== undefined)
    return byTimer({
      ms: end(options.intervalMs),
      toleranceMs: 1000,
      dependsOn,
      says: `The kernel gives up after ${probes} probes, and the program gets ETIMEDOUT.`,
    });
  const [least, usual] = [end(leftMs), end(sysctls.keepaliveIntervalS * 1000)];
  const guess = end(Math.min(2 * leftMs, Math.max(leftMs, sysctls.keepaliveIntervalS * 1000)));
  return byTimer({
    ms: guess,
    toleranceMs: Math.max(guess - least, usual - guess),
    dependsOn,
    says:
      `An estimate: the table does not show the interval. No sooner than ${roughly(least)}; ` +
      `${roughly(usual)} if the interval is the default, ${sysctls.keepaliveIntervalS} s. Then the program gets ETIMEDOUT.`,
  });
}

export interface KeepaliveOptions {
  intervalMs?: number;
  probes?: number;
}
