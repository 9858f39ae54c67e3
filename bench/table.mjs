import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SocketTable } from '../build/kernel/sock-diag.js';
import { Crowd } from '../build/lab/crowd.js';
import { findScenarios } from '../build/scenario/catalogue.js';
import { makeCrowd, untilReached } from '../build/scenario/crowd.js';
import { planCrowds } from '../build/scenario/crowd-plan.js';
import { median } from './measure.mjs';

/**
 * A socket table of 50,000 rows, read into rows as tcplab shows them, against a C program that only counts them. In processor
 * time, in turn, on the same table.
 */

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const COUNT = 50_000;
const TARGET = 1.5;
const ROUNDS = 9;

const folder = mkdtempSync(join(tmpdir(), 'tcplab-bench-'));
try {
  const program = join(folder, 'table');
  const built = spawnSync('cc', ['-O2', '-o', program, here('./table.c')], { encoding: 'utf8' });
  if (built.status !== 0) throw new Error(`cc does not build it: ${built.error ?? built.stderr}`);
  const [scenario] = findScenarios('close-wait-never-accepted');
  const plans = planCrowds([{ scenario, count: COUNT }], 80);
  const crowd = await Crowd.open({ parts: plans, family: 'ipv4' });
  await makeCrowd(crowd, crowd.parts[0], plans[0], { isOver: () => false, onSlice: () => {} });
  await untilReached(crowd.parts[0], plans[0]);
  const table = crowd.server.enter(() => new SocketTable());
  const [inC, inTcplab] = [[], []];
  for (let round = 0; round <= ROUNDS; round++) {
    const { stdout } = spawnSync(program, ['3'], {
      stdio: ['ignore', 'pipe', 'inherit', crowd.server.namespace],
      encoding: 'utf8',
    });
    const c = median(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).ms),
    );
    const before = process.cpuUsage();
    const rows = table.readAllButBound().length;
    const { user, system } = process.cpuUsage(before);
    if (rows < COUNT) throw new Error(`only ${rows} rows`);
    if (round === 0) continue;
    inC.push(c);
    inTcplab.push((user + system) / 1000);
  }
  table.close();
  await crowd[Symbol.asyncDispose]();
  const [c, tcplab] = [median(inC), median(inTcplab)];
  const ratio = tcplab / c;
  console.info(
    `${ratio <= TARGET ? 'met   ' : 'MISSED'}  ${COUNT} rows: tcplab ${tcplab.toFixed(0)} ms, in C ${c.toFixed(0)} ms of processor time; ${ratio.toFixed(2)} ×, target ≤ ${TARGET}`,
  );
  process.exitCode = ratio <= TARGET ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
