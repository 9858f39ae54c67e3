import { describe, expect, it } from 'vitest';
import { bulk } from '../../../../test/bulk.ts';
import { CONNECTION, captured, claimed, opened, segment, timelineOf } from '../../../../test/hand-built.ts';
import { type RunStarted, TIMELINE_FORMAT } from '../../../evidence/events.ts';
import { settle } from '../../../evidence/packet-index.ts';
import { packetFoldOf } from '../../../evidence/segments.ts';
import { Timeline } from '../../../evidence/timeline.ts';
import { readTimeline } from './read.ts';
import { TimelineRecorder } from './recorder.ts';

const STARTED: RunStarted = {
  type: 'run-started',
  format: TIMELINE_FORMAT,
  tool: { name: 'tcplab', version: '0.1.0' },
  machine: { kernel: '6.1', arch: 'x64', privilege: 'root' },
  startedAt: '2026-11-22T05:21:00.000Z',
  scenarios: [{ id: 'by-hand', heldBy: 'nothing' }],
  repeat: 1,
};

async function readBack(text: string): Promise<Timeline> {
  async function* chunks() {
    yield Buffer.from(text);
  }
  for await (const piece of readTimeline(chunks(), 'file')) if (piece instanceof Timeline) return piece;
  throw new Error('no lab in it');
}

describe('a timeline that is written as it comes', () => {
  it('has what memory had no room for, and tells the same', async () => {
    const timeline = timelineOf(opened());
    let text = '';
    const recorder = new TimelineRecorder(STARTED, timeline, (part) => {
      text += part;
    });
    timeline.add(claimed(0.5, 'client', 'ESTABLISHED'));
    for (const poll of bulk({ segments: 8000, payload: 1400 })) {
      for (const event of poll) timeline.add(event);
      settle(timeline, Math.max(...poll.map(({ atMs }) => atMs)) - 1);
    }
    recorder.end();
    expect(timeline.leftOut?.events).toBeGreaterThan(1000);
    expect(text.match(/^{"type":"captured"/gm)).toHaveLength(2 * (3 + 2 * 8000));
    const end = (of: Timeline) => packetFoldOf(of, CONNECTION, 'server').end;
    expect(end(await readBack(text))).toEqual(end(timeline));
  });

  it('says of what comes too late for its place that it is missing', async () => {
    const timeline = timelineOf(opened());
    let text = '';
    const recorder = new TimelineRecorder(STARTED, timeline, (part) => {
      text += part;
    });
    timeline.add(claimed(50, 'client', 'ESTABLISHED'));
    settle(timeline, 60);
    timeline.add(captured(20, 'client', 'sent', segment('client', 'S', 0)));
    recorder.end();
    const read = await readBack(text);
    expect(read.of('captured')).toEqual([]);
    expect(read.of('lost')).toContainEqual(
      expect.objectContaining({ atMs: 50, sinceMs: 20, witness: 'packets', host: 'client' }),
    );
  });
});
