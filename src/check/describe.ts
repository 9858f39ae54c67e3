import { roughly, seconds } from '../evidence/durations.ts';
import type { Forecast } from '../tcp/forecast.ts';
import type { SocketRow } from '../tcp/socket-row.ts';

export { roughly, seconds };

/** A value for --within that is longer than a time: `20s`, `2m`. */
export function asOption(ms: number): string {
  return ms < 120_000 ? `${Math.ceil(ms / 1000)}s` : `${Math.ceil(ms / 60_000)}m`;
}

/** What the kernel will do without the program, if nothing more arrives from the peer. */
export function describeEnd({ expiresMs }: SocketRow, { timer, givesUpMs, because }: Forecast): string {
  if (timer === null) return 'no kernel timer is running';
  if (timer === 'keepalive probe') {
    const next = `next keepalive probe in ${roughly(expiresMs ?? 0)}`;
    return givesUpMs === null
      ? next
      : `${next}; unanswered, the kernel closes the connection in about ${roughly(givesUpMs)} (${because})`;
  }
  if (givesUpMs === null) return 'the kernel keeps sending probes, with no limit';
  return `the kernel gives up in about ${roughly(givesUpMs)} (${because})`;
}
