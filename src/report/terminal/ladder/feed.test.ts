import { describe, expect, it } from 'vitest';
import { called, fin, handshake, PLAIN, slow, syn } from '../../../../test/drawn.ts';
import { CONNECTION, claimed, heldFrom, passed, segment, timelineOf } from '../../../../test/hand-built.ts';
import type { TimelineEvent } from '../../../evidence/events.ts';
import { LadderFeed } from './feed.ts';
import { formatLadder } from './ladder.ts';

describe('a ladder that grows', () => {
  it('gives each row once, and none before it is final', () => {
    const feed = new LadderFeed({ ascii: false, style: PLAIN });
    const timeline = timelineOf(...handshake);
    expect(feed.next(timeline, 1.11)).toHaveLength(2 + 2);
    expect(feed.next(timeline, 1.11)).toEqual([]);
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
    feed.next(timeline, 4);
    for (const event of passed(2, 'client', syn)) timeline.add(event);
    expect(feed.next(timeline, 4)).toEqual([
      ' ⋮ late                  ⋮                                    ⋮',
      '1.00 ms                  ├─ [S] SYN  seq 0 again ────────────▶┊',
    ]);
    for (const event of passed(5, 'client', syn)) timeline.add(event);
    expect(feed.next(timeline, 6)).toEqual([
      '4.00 ms                  ├─ [S] SYN  seq 0 again ────────────▶┊',
    ]);
  });

  it('waits for a segment until that arrived or can be said to be lost', () => {
    const feed = new LadderFeed({ ascii: false, style: PLAIN });
    const [departure, arrival] = slow(2, 19, 'client', fin);
    const timeline = timelineOf(...handshake, departure as TimelineEvent, called(3, 'server', 'close'));
    expect(feed.next(timeline, 10)).toHaveLength(2 + 3);
    timeline.add(arrival as TimelineEvent);
    expect(feed.next(timeline, 19)).toEqual([
      '1.00 ms       FIN-WAIT-1 ├─ [F.] seq 1 ack 1 ─╮               │',
      '2.00 ms                  │                    │               │ close()',
      '18.0 ms                  │                    ╰──────────────▶│ CLOSE-WAIT',
    ]);
  });

  it('tells again what it said to be lost, when that arrives after all', () => {
    const feed = new LadderFeed({ ascii: false, style: PLAIN });
    const [departure, arrival] = slow(2, 42, 'client', fin);
    const timeline = timelineOf(...handshake, departure as TimelineEvent);
    expect(feed.next(timeline, 30).at(-1)).toContain('✗ lost');
    timeline.add(arrival as TimelineEvent);
    expect(feed.next(timeline, 45)).toEqual([
      ' ⋮ late                  ⋮                                    ⋮',
      '1.00 ms       FIN-WAIT-1 ├─ [F.] FIN  seq 1 ack 1 ───────────▶│ CLOSE-WAIT',
    ]);
  });

  it('repeats no row because another connection makes labels longer, and says that there is one', () => {
    const feed = new LadderFeed({ ascii: false, style: PLAIN });
    const data = { ...segment('client', 'P.', 1, 1), payload: Buffer.alloc(5) };
    const timeline = timelineOf(...handshake, ...passed(2, 'client', data));
    feed.next(timeline, 3);
    const { source } = syn;
    for (const event of passed(4, 'client', { ...syn, source: { ...source, port: 41235 } }))
      timeline.add(event);
    expect(feed.next(timeline, 5)).toEqual([
      '        and from :41235; the states are those of :41234',
      '3.00 ms                  ├─ :41235 [S] SYN  seq 0 ───────────▶│',
    ]);
  });

  it('tells of a crowd what came since, and of a call that returns late the result when it did', () => {
    const feed = new LadderFeed({ ascii: false, style: PLAIN });
    const by = { host: 'client', pid: 7, thread: 7, name: 'nc', call: 'connect', fd: 3 } as const;
    const ends = { local: CONNECTION.client, remote: CONNECTION.server };
    const call: TimelineEvent = { type: 'program-call', atMs: 0.5, ...by, ...ends, detail: '' };
    const timeline = timelineOf(call, ...passed(1, 'client', syn));
    expect(feed.next(timeline, 2).slice(2)).toEqual([
      '      0    nc: connect() ┊                                    ┊',
      ' 500 µs         SYN-SENT ├─ [S] SYN  seq 0 ──────────────────▶┊',
    ]);
    const burst = (fromMs: number, port: number) =>
      [0, 1, 2].flatMap((nth) =>
        passed(fromMs + nth / 10, 'client', { ...syn, source: { ...syn.source, port: port + nth } }),
      );
    for (const event of [...burst(3, 50000), ...burst(4, 50003)]) timeline.add(event);
    expect(feed.next(timeline, 4.15)).toEqual([
      '        and other connections, drawn together; the states are those of :41234',
      '2.50 ms                  ├─ 5 others: [S] SYN ───────────────▶┊',
    ]);
    timeline.add({ type: 'program-return', atMs: 6, ...by, ...ends, result: 'ETIMEDOUT', tookMs: 5.5 });
    expect(feed.next(timeline, 7)).toEqual([
      '3.70 ms                  ├─ :50005 [S] SYN  seq 0 ───────────▶┊',
      '5.50 ms    nc: connect() │ :41234                             ┊',
      '             = ETIMEDOUT │                                    ┊',
    ]);
  });
});
