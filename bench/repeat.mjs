import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median, quantile, timed } from './measure.mjs';

/**
 * Runs every scenario repeatedly on a busy machine, and shows each result that was not proven with its evidence.
 * `node bench/repeat.mjs --repeat 200 --busy 4`
 */
const { values } = parseArgs({
  options: { repeat: { type: 'string', default: '200' }, busy: { type: 'string', default: '4' } },
});
const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

const loops = Array.from({ length: Number(values.busy) }, () =>
  spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
);
process.on('exit', () => {
  for (const loop of loops) loop.kill('SIGKILL');
});

// Whether all was proven is shown here.
const command = [process.execPath, main, 'run', '--repeat', values.repeat, '--json'];
const { ms, stdout, peakMb } = await timed(command, [0, 1]);
/** @type {import('../dist/report/story/run-report.js').RunReport} */
const { results } = JSON.parse(stdout);

const others = results.filter(({ verdict }) => verdict !== 'proven');
for (const other of others) process.stdout.write(`${JSON.stringify(other, null, 1)}\n`);
for (const scenario of new Set(results.map((result) => result.scenario))) {
  const runs = results.filter((result) => result.scenario === scenario);
  const proven = runs.filter(({ verdict }) => verdict === 'proven').length;
  const reached = runs.flatMap(({ reachedMs }) => reachedMs ?? []);
  const times = [median(reached), quantile(reached, 0.99), Math.max(...reached)].map((time) =>
    time.toFixed(1),
  );
  process.stdout.write(
    `${scenario.padEnd(32)} ${proven} of ${runs.length} proven, reached in ${times.join(' / ')} ms (median, 99 %, longest)\n`,
  );
}
const proven = results.length - others.length;
process.stdout.write(
  `${proven} of ${results.length} proven beside ${values.busy} busy loops, in ${(ms / 1000).toFixed(0)} s, with ${peakMb.toFixed(0)} MB at most\n`,
);
process.exitCode = others.length === 0 ? 0 : 1;
process.exit();
