import { monotonicNs, readOffset, realtimeOffsetNs } from './clock.ts';

/** The clock of the day as it was for some time: from about `fromNs` to about `toNs` (CLOCK_MONOTONIC). */
export interface DayClockStretch {
  /** What to subtract to get CLOCK_MONOTONIC. */
  offsetNs: bigint;
  /** The last reading that showed another offset. It was set after that. */
  fromNs: bigint;
  /** The first reading after it that shows another one: it was set again before that. */
  toNs: bigint | null;
}

/** Less is how a clock is corrected (adjtimex(2)) and measured; more is a clock that was set. */
const SET_NS = 20_000n;
const MOST_STRETCHES = 16;

/** The newest first. */
const stretches: DayClockStretch[] = [{ offsetNs: realtimeOffsetNs(), fromNs: 0n, toNs: null }];
let readNs = monotonicNs();

/** A stamp as a time of CLOCK_MONOTONIC. */
export interface Translated {
  atNs: bigint;
  /** By how much it may be wrong, because the clock of the day was set meanwhile; zero when it is right. */
  doubtNs: bigint;
}

/**
 * Translates stamps by the clock of the day, which anybody may set, into CLOCK_MONOTONIC. To be called just after the stamps
 * were read, in the order in which they were made, and none of them before `sinceNs` (CLOCK_MONOTONIC). None is later than
 * this call.
 */
export function toMonotonicNs(stampsNs: readonly bigint[], sinceNs: bigint): Translated[] {
  followDayClock();
  return translate(stampsNs, sinceNs, readNs, stretches);
}

function followDayClock(): void {
  const { leastNs, mostNs } = readOffset();
  const lastNs = readNs;
  readNs = monotonicNs();
  const [current] = stretches as [DayClockStretch];
  if (current.offsetNs >= leastNs && current.offsetNs <= mostNs) return;
  const offsetNs = realtimeOffsetNs();
  const changeNs = offsetNs - current.offsetNs;
  readNs = monotonicNs();
  if (changeNs < SET_NS && changeNs > -SET_NS) {
    current.offsetNs = offsetNs;
    return;
  }
  current.toNs = readNs;
  stretches.unshift({ offsetNs, fromNs: lastNs, toNs: null });
  stretches.length = Math.min(stretches.length, MOST_STRETCHES);
}

/**
 * The same by given stretches, the newest first. A stamp that fits two of them, or none, keeps its place among the others:
 * more of it is not known.
 */
export function translate(
  stampsNs: readonly bigint[],
  sinceNs: bigint,
  nowNs: bigint,
  stretches: readonly DayClockStretch[],
): Translated[] {
  const possible = stretches.filter(({ toNs }) => toNs === null || toNs > sinceNs);
  const [newest] = possible as [DayClockStretch];
  const plain = stampsNs.map((stampNs) => ({ atNs: earlier(stampNs - newest.offsetNs, nowNs), doubtNs: 0n }));
  if (possible.length === 1 && plain.every(({ atNs }) => atNs > sinceNs - SET_NS)) return plain;
  let nextNs = nowNs;
  return stampsNs
    .toReversed()
    .map((stampNs) => {
      const fitting = possible
        .map(({ offsetNs, fromNs, toNs }) => ({ atNs: stampNs - offsetNs, fromNs, toNs: toNs ?? nowNs }))
        .filter(({ atNs, fromNs, toNs }) => atNs >= later(fromNs, sinceNs) && atNs <= earlier(toNs, nextNs))
        .map(({ atNs }) => atNs);
      const [atNs = later(sinceNs, earlier(stampNs - newest.offsetNs, nextNs))] = fitting;
      const others = fitting.length === 0 ? [sinceNs, nextNs] : fitting;
      const doubtNs = others.reduce((most, other) => later(most, later(other - atNs, atNs - other)), 0n);
      nextNs = atNs;
      return { atNs, doubtNs };
    })
    .reverse();
}

function later(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}

function earlier(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}
