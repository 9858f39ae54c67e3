import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { captured, opened, segment } from '../../test/hand-built.ts';
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
});
