import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Samples } from '../src/evidence/samples.ts';
import { Timeline } from '../src/evidence/timeline.ts';
import { judge, unseenTime } from '../src/evidence/verdict.ts';
import { CATALOGUE } from '../src/scenario/catalogue.ts';
import { runScenario } from '../src/scenario/run.ts';
import { IS_ROOT, Program, TCPLAB } from './cli.ts';

describe('looks at a hold', () => {
  it('have a time unseen where more than a second lies between two', () => {
    const looks = new Samples(100);
    for (const nowMs of [300, 1300, 2301, 2400, 5000]) looks.add(nowMs);
    const held = looks.held(5001);
    expect(held).toEqual({
      type: 'held',
      ...{ atMs: 5001, fromMs: 100, samples: 6 },
      unseen: [
        { fromMs: 1300, toMs: 2301 },
        { fromMs: 2400, toMs: 5000 },
      ],
    });
    expect(unseenTime(held)).toBe('3.6 s of the hold (from 1.2 s on, 2 times)');
  });

  it('have none where they follow each other', () => {
    const looks = new Samples(0);
    for (const nowMs of [200, 1200]) looks.add(nowMs);
    expect(looks.held(1200)).toEqual({ type: 'held', atMs: 1200, fromMs: 0, samples: 3 });
  });
});

/** A scenario in whose hold there is a time of 2 s without a look. */
async function interrupted(id: string): Promise<Timeline> {
  const scenario = CATALOGUE.find((one) => one.id === id);
  if (!scenario) throw new Error(`no scenario ${id}`);
  const timeline = new Timeline();
  for (const event of await runScenario(scenario)) {
    const unseen = event.type === 'held' && { unseen: [{ fromMs: event.fromMs, toMs: event.fromMs + 2000 }] };
    timeline.add(unseen ? { ...event, ...unseen } : event);
  }
  return timeline;
}

describe('a hold with a time unseen', () => {
  it('has no socket table as its witness', async () => {
    const { word, because, held, peer } = judge(await interrupted('established'));
    const why = 'nothing read it for 2.0 s of the hold (from 0.0 s on)';
    const table = { witness: 'socket-table', says: null, agrees: null, why };
    expect(held.find(({ witness }) => witness === 'socket-table')).toEqual(table);
    expect(peer.find(({ witness }) => witness === 'socket-table')).toEqual(table);
    if (IS_ROOT) expect({ word, because }).toEqual({ word: 'proven', because: null });
    else expect({ word, because }).toEqual({ word: 'unproven', because: expect.stringContaining(why) });
  });

  it('does not prove a condition that only the socket table shows', async () => {
    expect(judge(await interrupted('accept-queue-full'))).toMatchObject({
      word: 'unproven',
      because: expect.stringMatching(
        /^nothing read the socket tables for 2\.0 s .* condition may have been broken$/,
      ),
    });
  });
});

it('says that tcplab was stopped while it held a state', async () => {
  const hold = new Program([...TCPLAB, 'hold', 'established', '--json']);
  await hold.until(/no timer runs/, 'stderr');
  hold.kill('SIGSTOP');
  await pause(1500);
  hold.kill('SIGCONT');
  hold.kill('SIGINT');
  const { stdout, stderr } = await hold.ended;
  const result = JSON.parse(stdout);
  expect(result.verdict).toBe(IS_ROOT ? 'proven' : 'unproven');
  expect(result.witnesses.socketTable).toMatchObject({
    agrees: null,
    why: expect.stringMatching(/1\.[5-9] s/),
  });
  expect(result.notes).toEqual([
    expect.stringMatching(/^tcplab read no socket table for 1\.[5-9] s of the hold/),
  ]);
  expect(stderr).toMatch(/tcplab read no socket table for 1\.[5-9] s/);
});
