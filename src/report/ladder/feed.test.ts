import { describe, expect, it } from 'vitest';
import { fin, handshake, PLAIN, syn } from '../../../test/drawn.ts';
import { claimed, heldFrom, passed, timelineOf } from '../../../test/hand-built.ts';
import { LadderFeed } from './feed.ts';
import { formatLadder } from './ladder.ts';

describe('a ladder that grows', () => {
  it('gives each row once, and none before it is final', () => {
    const feed = new LadderFeed({ ascii: false, style: PLAIN });
    const timeline = timelineOf(...handshake);
    expect(feed.next(timeline, 1.1)).toHaveLength(2 + 2);
    expect(feed.next(timeline, 1.1)).toEqual([]);
    timeline.add(claimed(3, 'client', 'ESTABLISHED', 'ESTABLISHED'));
    expect(feed.next(timeline, 3)).toEqual([
      ' 200 µs                  ├─ [.] ACK  seq 1 ack 1 ────────────▶│ ESTABLISHED',
      '2.00 ms      hold begins ┳                                    │',
    ]);
    // Sent, and not yet seen to arrive: it may still.
    for (const event of passed(4, 'client', fin)) timeline.add(event);
    expect(feed.next(timeline, 3.9)).toEqual([]);
    expect(feed.end(timeline)).toEqual([
      '3.00 ms       FIN-WAIT-1 ├─ [F.] FIN  seq 1 ack 1 ───────────▶│ CLOSE-WAIT',
      '[S] SYN   [.] ACK   [F] FIN   ┊ closed   ┃ held',
    ]);
  });

  it('is in the end the whole ladder', () => {
    const events = [
      ...handshake,
      claimed(2, 'client', 'FIN-WAIT-1'),
      ...passed(30, 'client', fin),
      heldFrom(2, 90),
    ];
    const [feed, timeline] = [new LadderFeed({ ascii: false, style: PLAIN }), timelineOf()];
    const lines = events.flatMap((event) => {
      timeline.add(event);
      return feed.next(timeline, event.atMs - 0.02);
    });
    lines.push(...feed.end(timeline));
    expect(`by-hand\n${lines.join('\n')}\n`).toBe(formatLadder(timeline, { ascii: false, style: PLAIN }));
  });

  it('tells late what became known late', () => {
    const feed = new LadderFeed({ ascii: false, style: PLAIN });
    const timeline = timelineOf(...passed(1, 'client', syn), ...passed(3, 'client', syn));
    feed.next(timeline, 3);
    for (const event of passed(2, 'client', syn)) timeline.add(event);
    expect(feed.next(timeline, 3)).toEqual([
      '1.00 ms                  ├─ [S] SYN  seq 0 again ────────────▶┊',
    ]);
  });
});
