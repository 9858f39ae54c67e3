import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { captured, opened, segment } from '../../test/hand-built.ts';
import { table } from '../../test/state-history.ts';
import type { State } from '../tcp/state.ts';
import type { Noted, TimelineEvent } from './events.ts';
import { Timeline } from './timeline.ts';

function noted(atMs: number, text = ''): Noted {
  return { type: 'noted', atMs, text };
}

function timesOf(timeline: Timeline): number[] {
  return [...timeline].map(({ atMs }) => atMs);
}

describe('a timeline', () => {
  it('puts an event that becomes known late in its place', () => {
    const timeline = new Timeline();
    for (const atMs of [3, 5, 4, 1, 6]) timeline.add(noted(atMs));
    expect(timesOf(timeline)).toEqual([1, 3, 4, 5, 6]);
    expect(timeline.length).toBe(5);
  });

  it('keeps the order in which events of one moment were told', () => {
    const timeline = new Timeline();
    for (const text of ['a', 'b', 'c']) timeline.add(noted(1, text));
    timeline.add(noted(0, 'first'));
    timeline.add(noted(1, 'd'));
    expect(timeline.of('noted').map(({ text }) => text)).toEqual(['first', 'a', 'b', 'c', 'd']);
  });

  it('is in order and loses nothing, however the events come', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20)), (times) => {
        const timeline = new Timeline();
        for (const [index, atMs] of times.entries()) timeline.add(noted(atMs, String(index)));
        const expected = [...times.entries()].sort(([i, a], [j, b]) => a - b || i - j);
        expect(timeline.of('noted').map(({ text }) => text)).toEqual(
          expected.map(([index]) => String(index)),
        );
      }),
    );
  });

  it('gives the events of one type, in order', () => {
    const timeline = new Timeline();
    timeline.add(noted(2));
    timeline.add(opened());
    timeline.add(captured(1, 'client', 'sent', segment('client', 'S', 0)));
    timeline.add(noted(1));
    expect(timeline.of('noted').map(({ atMs }) => atMs)).toEqual([1, 2]);
    expect(timeline.of('captured')).toHaveLength(1);
    expect(timeline.of('claimed')).toEqual([]);
  });

  it('can be followed: each listener is told of each event as it becomes known, until it leaves', () => {
    const timeline = new Timeline();
    timeline.add(noted(0));
    const [first, second]: [TimelineEvent[], TimelineEvent[]] = [[], []];
    const leave = timeline.follow((event) => first.push(event));
    timeline.follow((event) => second.push(event));
    timeline.add(noted(2));
    timeline.add(noted(1));
    leave();
    timeline.add(noted(3));
    expect(first.map(({ atMs }) => atMs)).toEqual([2, 1]);
    expect(second.map(({ atMs }) => atMs)).toEqual([2, 1, 3]);
  });

  it('can be read twice, and while it is followed', () => {
    const timeline = new Timeline();
    const seen: number[] = [];
    timeline.follow(() => seen.push([...timeline].length));
    timeline.add(noted(1));
    timeline.add(noted(2));
    expect(seen).toEqual([1, 2]);
    expect(timesOf(timeline)).toEqual(timesOf(timeline));
  });

  it('that has too much leaves out packets, and of the tables those that repeat their neighbours', () => {
    const timeline = new Timeline();
    const data = captured(0, 'client', 'sent', segment('client', 'P.', 1, 1));
    const state = (ms: number): State => (ms === 300 ? 'CLOSE-WAIT' : 'ESTABLISHED');
    for (let ms = 0; ms < 600; ms++) {
      timeline.add({ ...data, atMs: ms, bytes: data.bytes + '='.repeat(60_000) });
      if (ms % 10 === 0) timeline.add(table(ms, 'client', state(ms)));
    }
    timeline.settle(600);
    const { fromMs = 0, untilMs = 0 } = timeline.leftOut ?? {};
    expect(untilMs - fromMs).toBeGreaterThan(200);
    const inGap = ({ atMs }: { atMs: number }) => atMs >= fromMs && atMs < untilMs;
    expect(timeline.of('captured').filter(inGap)).toEqual([]);
    const tables = timeline.of('sockets').filter(inGap);
    const changes = tables.map(({ atMs, rows }) => [atMs, rows[0]?.state]);
    expect(changes.slice(1, -1)).toEqual([
      [290, 'ESTABLISHED'],
      [300, 'CLOSE-WAIT'],
      [310, 'ESTABLISHED'],
    ]);
    expect(timeline.of('sockets').length).toBeLessThan(60);
    expect([...timeline].filter(({ type }) => type === 'sockets')).toEqual(timeline.of('sockets'));
  });
});
