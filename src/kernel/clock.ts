import { readFileSync } from 'node:fs';
import { ifThere } from './files.ts';
import { libc } from './libc.ts';

const CLOCK_REALTIME = 0;

/** struct timespec (16 bytes, aligned to 8): seconds, nanoseconds. */
const time = Buffer.alloc(16);

/** CLOCK_MONOTONIC, nanoseconds: the clock of the timeline, of our own calls and of trace events. */
export function monotonicNs(): bigint {
  return process.hrtime.bigint();
}

/** CLOCK_REALTIME, nanoseconds since 1970: the clock by which packets are stamped. */
export function realtimeNs(): bigint {
  libc.clock_gettime(CLOCK_REALTIME, time);
  return time.readBigInt64LE(0) * 1_000_000_000n + time.readBigInt64LE(8);
}

/** What to subtract from CLOCK_REALTIME to get CLOCK_MONOTONIC, between two limits. */
export interface OffsetReading {
  leastNs: bigint;
  mostNs: bigint;
}

export function readOffset(): OffsetReading {
  const before = monotonicNs();
  const realtime = realtimeNs();
  return { leastNs: realtime - monotonicNs(), mostNs: realtime - before };
}

/** What to subtract from CLOCK_REALTIME to get CLOCK_MONOTONIC. Of some readings the tightest: good to a microsecond. */
export function realtimeOffsetNs(): bigint {
  const readings = Array.from({ length: 5 }, readOffset);
  const { leastNs, mostNs } = readings.reduce((best, one) =>
    one.mostNs - one.leastNs < best.mostNs - best.leastNs ? one : best,
  );
  return (leastNs + mostNs) / 2n;
}

/**
 * What to add to the machine's monotonic clock, which the kernel stamps its events with, to get CLOCK_MONOTONIC of this
 * process: not zero in a time namespace (time_namespaces(7)).
 */
export function monotonicOffsetNs(): bigint {
  const offsets = ifThere(() => readFileSync('/proc/self/timens_offsets', 'utf8')) ?? '';
  const [, seconds, nanoseconds] = /^monotonic\s+(-?\d+)\s+(\d+)$/m.exec(offsets) ?? [];
  return BigInt(seconds ?? 0) * 1_000_000_000n + BigInt(nanoseconds ?? 0);
}
