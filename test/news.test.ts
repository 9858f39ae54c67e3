import { describe, expect, it } from 'vitest';
import { settle } from '../src/evidence/packet-index.ts';
import type { Timeline } from '../src/evidence/timeline.ts';
import { viewOf } from '../src/report/pages/view.ts';
import type { View } from '../src/report/pages/view-model.ts';
import type { LabMessage } from '../src/ui/model.ts';
import { newsBetween } from '../src/ui/news.ts';
import { withNews } from '../src/web/news.ts';
import { bulk } from './bulk.ts';
import { claimed, opened, passed, segment, timelineOf } from './hand-built.ts';

const ABOUT = { name: 'by-hand', title: '' };

/** A lab with ten thousand segments, and where their time has come to. */
function busyLab(): { timeline: Timeline; nowMs: number } {
  const timeline = timelineOf(opened(), claimed(0.5, 'client', 'ESTABLISHED'));
  let nowMs = 0;
  for (const poll of bulk({ segments: 5000 })) {
    for (const event of poll) timeline.add(event);
    nowMs = Math.max(...poll.map(({ atMs }) => atMs));
    settle(timeline, nowMs);
  }
  return { timeline, nowMs };
}

describe('the news of a view', () => {
  const { timeline, nowMs } = busyLab();
  const before = viewOf(timeline, ABOUT);
  for (const event of passed(nowMs + 1, 'server', segment('server', 'F.', 1, 5001))) timeline.add(event);
  const after = viewOf(timeline, ABOUT);
  const news = newsBetween(before, after);

  it('are a small part of ten thousand segments', () => {
    expect(after.flights).toHaveLength(10_004);
    expect(news?.lists.flights).toMatchObject({ keep: 10_003, add: [{ from: 'server', flags: 'F.' }] });
    expect(JSON.stringify(news).length * 1000).toBeLessThan(JSON.stringify(after).length);
  });

  it('make the one view into the other, as it crosses', () => {
    const message = { id: 'x', revision: 1, view: before } as LabMessage;
    const next = { ...message, view: undefined, revision: 2, since: 1, news };
    expect(withNews(message, JSON.parse(JSON.stringify(next)))).toEqual({
      id: 'x',
      revision: 2,
      view: after,
    });
  });

  it('are none where nothing has changed', () => {
    expect(newsBetween(after, viewOf(timeline, ABOUT))).toBeUndefined();
  });

  it('tell of lists that got shorter, and of what is in their middle', () => {
    const shorter: View = { ...after, flights: after.flights.toSpliced(10, 5) };
    const change = newsBetween(after, shorter);
    expect(change?.lists.flights?.keep).toBe(10);
    const message = { view: after } as LabMessage;
    const next = { since: 1, news: change } as unknown as LabMessage;
    expect(withNews(message, next).view).toEqual(shorter);
  });

  it('cost no comparison of what is settled: it is the same object', () => {
    const again = viewOf(timeline, ABOUT);
    expect(again.flights.slice(0, 10_000).every((flight, place) => flight === after.flights[place])).toBe(
      true,
    );
  });
});
