import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bulk } from '../../test/bulk.ts';
import {
  CONNECTION,
  captured,
  claimed,
  crafted,
  dropped,
  heldFrom,
  kernelDropped,
  opened,
  passed,
  ruleSet,
  segment,
  timelineOf,
} from '../../test/hand-built.ts';
import { fates } from '../../test/story.ts';
import type { Lost, TimelineEvent } from './events.ts';
import { settle } from './packet-index.ts';
import { PassageFeed, packetFoldOf, passages, segmentsLeftOut } from './segments.ts';
import { Timeline } from './timeline.ts';
import { judge } from './verdict.ts';
import { packets } from './witness/packets.ts';

/** What a timeline tells of the packets of both ends. */
function storyOf(timeline: Timeline) {
  const ends = (['client', 'server'] as const).map((host) => {
    const told = packetFoldOf(timeline, CONNECTION, host);
    return { end: told.end, sights: [told.observations(false), told.observations(true)] };
  });
  return { passages: passages(timeline, CONNECTION), ends };
}

describe('what is settled poll by poll', () => {
  const syn = segment('client', 'S', 0);
  const data = { ...segment('client', 'P.', 1, 1), payload: Buffer.from('abcd') };
  const fin = segment('client', 'F.', 5, 1);
  const reset = segment('server', 'R.', 0, 1);
  const story: TimelineEvent[] = [
    opened(),
    ruleSet(0.5, 'server', 'tcp dport 80 reject with tcp reset', 2),
    ...passed(1, 'client', syn),
    dropped(1.01, 'server', 'in', syn, 2),
    captured(1.02, 'server', 'sent', reset),
    ...passed(10, 'client', syn),
    ...passed(11, 'server', segment('server', 'S.', 0, 1)),
    ...passed(12, 'client', segment('client', '.', 1, 1)),
    ...passed(20, 'client', data),
    kernelDropped(20.02, 'server', 'received', data, 'TCP_CSUM'),
    captured(21, 'client', 'sent', data),
    ...passed(22, 'client', data),
    crafted(30, 'client', fin),
    ...passed(30.1, 'client', fin),
    captured(40, 'client', 'sent', fin),
    captured(300, 'server', 'received', fin),
    dropped(310, 'client', 'out', fin, 1),
  ];

  it('is the same as what is read at once, wherever the polls come', () => {
    const whole = storyOf(timelineOf(...story));
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 400, noNaN: true }), { maxLength: 12 }), (polls) => {
        const timeline = new Timeline();
        const waiting = [...story];
        for (const untilMs of polls.sort((a, b) => a - b)) {
          // A poll finds a little more than what happened before it began.
          while ((waiting[0]?.atMs ?? 1000) <= untilMs + 1) timeline.add(waiting.shift() as TimelineEvent);
          settle(timeline, untilMs);
          storyOf(timeline);
        }
        for (const event of waiting) timeline.add(event);
        expect(storyOf(timeline)).toEqual(whole);
      }),
    );
  });

  it('takes in what comes late, as if it had come in time', () => {
    const timeline = new Timeline();
    const late = story.filter(({ type }) => type === 'dropped');
    for (const event of story) if (!late.includes(event)) timeline.add(event);
    settle(timeline, 1000);
    for (const event of late) timeline.add(event);
    expect(storyOf(timeline)).toEqual(storyOf(timelineOf(...story)));
  });

  it('knows of a segment that comes long after it was settled, and of thousands', () => {
    const timeline = new Timeline();
    const number = (index: number) => segment('client', 'P.', 1 + index, 1);
    for (let index = 0; index < 2000; index++) {
      timeline.add(captured(index, 'client', 'sent', number(index)));
      settle(timeline, index - 1);
      if (index >= 500) timeline.add(captured(index, 'server', 'received', number(index - 500)));
    }
    const arrived = passages(timeline, CONNECTION).map(({ arrivedMs }) => arrivedMs);
    expect(arrived.slice(0, 1500)).toEqual(Array.from({ length: 1500 }, (_, index) => index + 500));
    expect(fates(timeline).slice(1500)).toEqual(Array(500).fill('P. lost'));
  });

  it('gives each passage once', () => {
    const timeline = new Timeline();
    const feed = new PassageFeed();
    const given: unknown[] = [];
    for (const poll of bulk({ segments: 200 })) {
      for (const event of poll) timeline.add(event);
      settle(timeline, Math.max(...poll.map(({ atMs }) => atMs)) - 3);
      given.push(...feed.next(timeline, CONNECTION));
    }
    given.push(...feed.rest(timeline, CONNECTION));
    expect(given).toEqual(passages(timeline, CONNECTION));
    expect(given).toHaveLength(403);
  });

  it.each([0, 100])(
    'costs ten times as much for ten times as many segments, with one in %i lost',
    (lostEach) => {
      const few = visitsOf(400, lostEach);
      expect(visitsOf(4000, lostEach)).toBeLessThanOrEqual(11 * few);
    },
  );
});

/** How often the packets of a bulk transfer are looked at, while a hold prints them and judges at its end. */
function visitsOf(segments: number, lostEach: number): number {
  let visits = 0;
  const counted = (event: TimelineEvent): TimelineEvent =>
    'wire' in event
      ? Object.defineProperty({ ...event }, 'wire', {
          enumerable: true,
          get: () => {
            visits++;
            return event.wire;
          },
        })
      : event;
  const timeline = timelineOf(opened());
  const feed = new PassageFeed();
  for (const poll of bulk({ segments, lostEach })) {
    for (const event of poll) timeline.add(counted(event));
    settle(timeline, Math.max(...poll.map(({ atMs }) => atMs)) - 1);
    feed.next(timeline, CONNECTION);
    passages(timeline, CONNECTION);
  }
  return visits;
}

describe('a timeline with more packets than fit', () => {
  const timeline = timelineOf(opened());
  const SEGMENTS = 8000;
  let lastMs = 0;
  for (const poll of bulk({ segments: SEGMENTS, payload: 1400 })) {
    for (const event of poll) timeline.add(event);
    lastMs = Math.max(...poll.map(({ atMs }) => atMs));
    settle(timeline, lastMs - 1);
  }
  const payload = 1 + SEGMENTS * 1400;
  for (const event of passed(lastMs + 10, 'client', segment('client', 'F.', payload, 1))) timeline.add(event);

  it('keeps the first ones and the last ones, and says how many it left out', () => {
    const kept = passages(timeline, CONNECTION);
    const leftOut = segmentsLeftOut(timeline, CONNECTION);
    expect(leftOut).toBeGreaterThan(1000);
    expect(kept.length + leftOut).toBe(3 + 2 * SEGMENTS + 1);
    expect(kept[0]?.wire).toMatchObject({ segment: { flags: 'S' } });
    expect(kept.at(-1)?.wire).toMatchObject({ segment: { flags: 'F.' } });
    const events = timeline.leftOut?.events ?? 0;
    // Where it begins and ends, of a segment one event may be on this side and one on the other.
    expect(Math.abs(events - 2 * leftOut)).toBeLessThanOrEqual(2);
    expect(timeline.of('captured')).toHaveLength(2 * (kept.length + leftOut) - events);
  });

  it('knows the states of both ends, as if all were there', () => {
    expect(packetFoldOf(timeline, CONNECTION, 'client').end.state).toBe('FIN-WAIT-1');
    expect(packetFoldOf(timeline, CONNECTION, 'server').end.state).toBe('CLOSE-WAIT');
    expect(passages(timeline, CONNECTION).at(-1)?.numbers?.seq).toBe(payload);
  });

  it('tells who has no more than its events that packets are missing', () => {
    const copy = timelineOf(...timeline.withGaps());
    const end = {
      host: 'server' as const,
      local: CONNECTION.server,
      remote: CONNECTION.client,
      listening: false,
    };
    expect(packets.follow(copy, end).at(-1)).toMatchObject({ states: [], why: /left out/ });
  });
});

describe('a capture that could not keep up', () => {
  const lost: Lost = {
    type: 'lost',
    atMs: 60,
    sinceMs: 50,
    witness: 'packets',
    host: 'server',
    what: 'lost 3',
  };
  const opening = [
    ...passed(1, 'client', segment('client', 'S', 0)),
    ...passed(2, 'server', segment('server', 'S.', 0, 1)),
    ...passed(3, 'client', segment('client', '.', 1, 1)),
  ];

  it('leaves open what became of a segment from when it may have missed one, and not of those before', () => {
    const early = captured(10, 'client', 'sent', segment('client', 'P.', 1, 1));
    const later = captured(55, 'client', 'sent', segment('client', 'P.', 2, 1));
    const last = captured(80, 'client', 'sent', segment('client', 'P.', 3, 1));
    const timeline = timelineOf(...opening, early, later, last, lost);
    expect(fates(timeline).slice(3)).toEqual(['P. lost', 'P. unseen', 'P. unseen']);
  });

  it('makes the witness blind from then on: what it sees afterwards disproves nothing', () => {
    const seen = passed(70, 'server', segment('server', 'R', 1));
    const timeline = timelineOf(
      opened(),
      ...opening,
      claimed(5, 'client', 'ESTABLISHED'),
      ...seen,
      { ...lost, host: 'client' },
      heldFrom(5, 100),
    );
    const testimony = judge(timeline).held.find(({ witness }) => witness === 'packets');
    expect(testimony).toMatchObject({ says: null, agrees: null, why: 'lost 3' });
  });
});
