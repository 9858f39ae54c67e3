/** The kernel's ticks per second by default: CONFIG_HZ of Debian and many others; 1000 on some. */
export const USUAL_HZ = 250;

/**
 * How late a timer fires on average. The wheel (kernel/time/timer.c) sorts timers into levels of ever coarser buckets,
 * and a timer waits for the end of its bucket: half a bucket on average, at most an eighth of its time.
 */
export function meanLatenessMs(afterMs: number, hz: number = USUAL_HZ): number {
  const ticks = (afterMs * hz) / 1000;
  let bucket = 1;
  while (ticks >= 63 * bucket) bucket *= 8;
  return ((bucket / 2) * 1000) / hz;
}
