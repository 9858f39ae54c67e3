import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from './measure.mjs';

/**
 * How much more processor time a process takes that holds a lab, while 10,000 connections a second are made in another network
 * namespace: with kernel events by BPF, by tracefs, and without. A busy machine alone makes everything a little slower, which
 * the last of these shows. Run it as root: `node bench/foreign-traffic.mjs --rounds 8`
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '5' },
    rate: { type: 'string', default: '10000' },
    hold: { type: 'boolean', default: false },
  },
});
const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
/** As `tcplab hold` does. */
const LOOK_EVERY_MS = 200;

if (values.hold) await hold();
else await compare();

/** Holds a lab, and answers each line on its input with the processor time that it has taken so far, in milliseconds. */
async function hold() {
  const { Lab } = await import('../build/lab/lab.js');
  const lab = await Lab.open();
  const listener = await lab.server.openSocket();
  await lab.server.bind(listener, lab.serverEndpoint());
  await lab.server.listen(listener, 5);
  const client = await lab.client.openSocket();
  await lab.client.bind(client, lab.nextClientEndpoint());
  await lab.client.connect(client, lab.serverEndpoint());
  await lab.waitFor('a connection', () => lab.server.accept(listener));
  process.stdin.on('data', () => {
    const { user, system } = process.cpuUsage();
    const lost = lab.timeline.of('lost').length;
    process.stdout.write(`${JSON.stringify({ ms: (user + system) / 1000, lost })}\n`);
  });
  let isOver = false;
  process.stdin.on('end', () => {
    isOver = true;
  });
  while (!isOver) {
    await lab.observe();
    await pause(LOOK_EVERY_MS);
  }
  await lab[Symbol.asyncDispose]();
}

async function compare() {
  const folder = mkdtempSync(join(tmpdir(), 'tcplab-bench-'));
  const program = join(folder, 'foreign-traffic');
  try {
    const { status, stderr } = spawnSync('cc', ['-O2', '-o', program, here('./foreign-traffic.c')], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`cc does not build foreign-traffic.c: ${stderr}`);
    const holders = ['none', 'bpf', 'tracefs'].map(holderOf);
    await Promise.all(holders.map((holder) => holder.taken()));
    /** @type {number[]} */
    const rates = [];
    for (let round = 0; round <= Number(values.rounds); round++) {
      // By turns, for a machine that others use is not the same all the time; the first round warms up.
      const quiet = await measure(holders);
      const traffic = spawn(program, [values.rate], { stdio: ['ignore', 'pipe', 'inherit'] });
      traffic.stdout.setEncoding('utf8').on('data', (/** @type {string} */ text) => rates.push(Number(text)));
      const busy = await measure(holders);
      traffic.kill('SIGKILL');
      if (round === 0) continue;
      for (const [index, holder] of holders.entries()) {
        holder.quiet.push(quiet[index] ?? 0);
        holder.busy.push(busy[index] ?? 0);
      }
    }
    process.stdout.write(`connections a second beside: ${median(rates)} (median)\n`);
    for (const holder of holders) {
      const [quiet, busy] = [median(holder.quiet), median(holder.busy)];
      const { lost } = await holder.taken();
      process.stdout.write(
        `${holder.way.padEnd(8)} ${quiet.toFixed(2)} ms of a second alone, ${busy.toFixed(2)} ms beside them: ` +
          `${((busy / quiet - 1) * 100).toFixed(1)} % more; events lost: ${lost} times\n`,
      );
      holder.end();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {string} way */
function holderOf(way) {
  const env = { ...process.env, TCPLAB_KERNEL_EVENTS: way };
  const child = spawn(process.execPath, [here('./foreign-traffic.mjs'), '--hold'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env,
  });
  const taken = () => {
    const answer = new Promise((resolve) => {
      child.stdout.once('data', (text) => resolve(JSON.parse(String(text))));
    });
    child.stdin.write('\n');
    return /** @type {Promise<{ ms: number, lost: number }>} */ (answer);
  };
  /** @type {number[]} */
  const [quiet, busy] = [[], []];
  return { way, taken, quiet, busy, end: () => child.stdin.end() };
}

/**
 * The processor time that each took, in milliseconds of a second.
 * @param {ReturnType<typeof holderOf>[]} holders
 */
async function measure(holders) {
  const before = await Promise.all(holders.map((holder) => holder.taken()));
  const startMs = performance.now();
  await pause(Number(values.seconds) * 1000);
  const after = await Promise.all(holders.map((holder) => holder.taken()));
  const seconds = (performance.now() - startMs) / 1000;
  return after.map(({ ms }, index) => (ms - (before[index]?.ms ?? 0)) / seconds);
}
