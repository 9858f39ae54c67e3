import { describe, expect, it } from 'vitest';
import { monotonicNs, realtimeNs, realtimeOffsetNs } from './clock.ts';
import { type DayClockStretch, type Translated, toMonotonicNs, translate } from './day-clock.ts';

const MS = 1_000_000n;
const NOW = 1_000n * MS;
const SINCE = 990n * MS;
const OFFSET = 5_000_000n * MS;

/** Stamps of packets that came at these times (ms): those before `setMs` by the clock as it was, the others by the new one. */
function stamps(timesMs: readonly number[], setMs: number, byMs: number): bigint[] {
  return timesMs.map((atMs) => ns(atMs) + OFFSET + (atMs < setMs ? 0n : ns(byMs)));
}

/** What is known of a clock that was set by `byMs` between two readings. */
function setBetween(fromMs: number, toMs: number, byMs: number): DayClockStretch[] {
  return [
    { offsetNs: OFFSET + ns(byMs), fromNs: ns(fromMs), toNs: null },
    { offsetNs: OFFSET, fromNs: 0n, toNs: ns(toMs) },
  ];
}

const ns = (ms: number) => BigInt(Math.round(ms * 1e6));
const ms = (times: readonly Translated[]) => times.map(({ atNs }) => Number(atNs) / 1e6);
const doubt = (times: readonly Translated[]) =>
  Math.max(...times.map(({ doubtNs }) => Number(doubtNs) / 1e6));

describe('a stamp by the clock of the day', () => {
  it('is exact while nobody sets the clock', () => {
    const stretches = [{ offsetNs: OFFSET, fromNs: 0n, toNs: null }];
    const seen = translate(stamps([991, 992.5, 999], 2000, 0), SINCE, NOW, stretches);
    expect([ms(seen), doubt(seen)]).toEqual([[991, 992.5, 999], 0]);
  });

  it('is never later than it was read', () => {
    const stretches = [{ offsetNs: OFFSET, fromNs: 0n, toNs: null }];
    expect(ms(translate([NOW + OFFSET + MS], SINCE, NOW, stretches))).toEqual([1000]);
  });

  it.each([13_000, -13_000, 20, -20])('is exact when the clock was set by %d ms meanwhile', (byMs) => {
    const times = [991, 994.5, 995.5, 999];
    const seen = translate(stamps(times, 995, byMs), SINCE, NOW, setBetween(993, 998, byMs));
    expect([ms(seen), doubt(seen)]).toEqual([times, 0]);
  });

  it('is exact when a smaller step falls between two readings that are closer still', () => {
    const times = [994.9, 995.1, 997];
    const seen = translate(stamps(times, 995, 2), SINCE, NOW, setBetween(994.8, 995.2, 2));
    expect([ms(seen), doubt(seen)]).toEqual([times, 0]);
  });

  it.each([0.7, -0.7])('is in doubt by a step of %d ms that may have come before or after it', (byMs) => {
    const times = [993, 994, 996];
    const seen = translate(stamps(times, 995, byMs), SINCE, NOW, setBetween(991, 999, byMs));
    expect(doubt(seen)).toBeGreaterThan(0);
    expect(doubt(seen)).toBeLessThanOrEqual(0.7);
    for (const [index, atMs] of ms(seen).entries())
      expect(Math.abs(atMs - Number(times[index]))).toBeLessThan(0.701);
    expect(ms(seen)).toEqual(ms(seen).toSorted((one, other) => one - other));
  });

  it('keeps its place, in doubt, when the clock was set there and back between two readings', () => {
    const stretches = [{ offsetNs: OFFSET, fromNs: 0n, toNs: null }];
    const [before, during, after] = [ns(991), ns(995) - 13_000n * MS, ns(999)];
    const seen = translate(
      [before, during, after].map((atNs) => atNs + OFFSET),
      SINCE,
      NOW,
      stretches,
    );
    expect(ms(seen)).toEqual([990, 990, 999]);
    expect(doubt(seen)).toBeGreaterThan(0);
  });

  it('agrees with this machine’s clocks', () => {
    const sinceNs = monotonicNs();
    const stampNs = realtimeNs();
    const [{ atNs }] = toMonotonicNs([stampNs], sinceNs) as [Translated];
    expect(Math.abs(Number(atNs - (stampNs - realtimeOffsetNs())))).toBeLessThan(20_000);
  });
});
