import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunReport } from '../src/report/story/run-report.ts';
import { expectProven, inTime, listed, outlastedItsRequest, resultsIn, tcplab } from './cli.ts';

/** The short form of what `node bench/repeat.mjs` does: every verdict is proven though the machine is busy. */
const REPEATS = 5;
const BUSY_LOOPS = 2;

const loops: ChildProcess[] = [];

beforeAll(() => {
  for (let loop = 0; loop < BUSY_LOOPS; loop++) {
    // They end by themselves should nobody end them.
    loops.push(spawn('timeout', ['300', 'sh', '-c', 'while :; do :; done'], { stdio: 'ignore' }));
  }
});

afterAll(() => {
  for (const loop of loops) loop.kill();
});

it(`every verdict is proven in ${REPEATS} runs beside ${BUSY_LOOPS} busy loops`, async () => {
  const again = () => tcplab('run', '--repeat', `${REPEATS}`, '--json');
  const { stdout, stderr } = await inTime(again, resultsIn, outlastedItsRequest);
  expect(stderr).toBe('');
  const { results } = JSON.parse(stdout) as RunReport;
  expect(results).toHaveLength(listed().length * REPEATS);
  expectProven(results);
  for (const loop of loops) expect(loop.exitCode).toBe(null);
});
