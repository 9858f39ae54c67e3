import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ScenarioResult } from '../src/report/story/result.ts';
import {
  eventually,
  needRoot,
  Program,
  REPOSITORY,
  TCPLAB,
  tcplab,
  tcplabHere,
  temporaryFolder,
} from './cli.ts';

const PROGRAM = `${process.execPath} ${join(REPOSITORY, 'test/programs/bulk.mjs')}`;

it('holds a connection through which a program sends all it can, keeps a part, and writes all of it', async (context) => {
  needRoot(context, 'a capture');
  const file = join(temporaryFolder(), 'bulk.ndjson');
  const hold = new Program([
    ...TCPLAB,
    ...['hold', 'established', '--port', '8080', '--json', '--timeline', file],
    ...['--server', `${PROGRAM} server 8080`, '--client', `${PROGRAM} client {server} {port}`],
  ]);
  const notShown = () =>
    [...hold.stderr.matchAll(/(\d+) more segments, not shown/g)].map(([, count]) => Number(count));
  await eventually(
    'more segments than memory has room for',
    () => notShown().reduce((sum, count) => sum + count, 0) > 6000,
    90_000,
  );
  hold.kill('SIGINT');
  const { status, stdout } = await hold.ended;
  const result = JSON.parse(stdout) as ScenarioResult;
  // On a busy machine the polls may be too far apart to prove anything; nothing may be disproven.
  expect(result.because ?? '').toMatch(/^$|nothing read it/);
  expect(status).toBe(result.verdict === 'proven' ? 0 : 1);
  expect(result.segmentsLeftOut).toBeGreaterThan(1000);
  expect(result.notes).toContainEqual(
    expect.stringMatching(/^the packets from .* are left out: [\d,]+ events/),
  );
  // Nothing is lost on a lab's wire: what no capture saw arrive, it had no room for.
  expect(new Set(result.segments.map(({ fate }) => fate))).not.toContain('lost');

  const events = readFileSync(file, 'utf8').split('\n');
  expect(events.filter((line) => line.startsWith('{"type":"captured"')).length).toBeGreaterThan(
    result.segments.length,
  );
  const replayed = JSON.parse((await tcplabHere('replay', file, '--json')).stdout);
  expect(replayed.results).toMatchObject([{ verdict: result.verdict, segmentsLeftOut: expect.any(Number) }]);
  expect(replayed.results[0].witnesses).toEqual(result.witnesses);
}, 120_000);

it('ends a run beside a program that never stops sending', async (context) => {
  needRoot(context, 'a capture');
  const { stdout } = await tcplab(
    ...['run', 'established', '--port', '8080', '--hold', '500ms', '--json'],
    ...['--server', `${PROGRAM} server 8080`, '--client', `${PROGRAM} client {server} {port}`],
  );
  const [result] = JSON.parse(stdout).results;
  expect(result.because ?? '').toMatch(/^$|nothing read it|the capture lost/);
  expect(result.segments.length).toBeGreaterThan(100);
}, 60_000);
