import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cpuOf, median, peakOf, quantile, timed } from './measure.mjs';

/**
 * @typedef {object} Measured
 * @property {string} what
 * @property {number} value
 * @property {string} unit
 * @property {string} target
 * @property {boolean} met
 * @property {string} how the numbers behind it
 */

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const TCPLAB = [process.execPath, here('../dist/cli/main.js')];

/** Accepted exit statuses: an unproven run is counted, and its time too. */
const PROVEN_OR_NOT = [0, 1];

/**
 * To reach these, a timer of the kernel has to pass, or many connections have to be made; it is not tcplab that takes
 * the time.
 * @type {Record<string, string>}
 */
const WAITS = {
  'fin-wait-2': "the server's delayed ACK, 40 ms",
  'fin-wait-2-orphaned': "the server's delayed ACK, 40 ms",
  'time-wait-four-segments': "the server's delayed ACK, 40 ms",
  'time-wait-both': 'a retransmitted FIN, 200 ms',
  'zero-window': 'the persist timer, 200 ms',
};

/** @typedef {{ results: { scenario: string, verdict: string, reachedMs: number | null }[] }} Report */

/**
 * Everything that is compared is measured in turn, so that what else the machine does falls on both alike.
 * @param {{ rounds: number, say: (line: string) => void }} options
 */
export async function bench({ rounds, say }) {
  /** @type {Measured[]} */
  const measured = [];
  const note = (/** @type {Measured} */ one) => {
    measured.push(one);
    say(line(one));
  };
  say(machineLine());
  say('');

  const { byHand, alike, all: whole, longest, peaks, reports } = await runs(rounds);
  const ratio = median(byHand) / median(alike);
  note({
    what: 'seventeen scenarios against a script of eight states',
    value: ratio,
    unit: '× faster',
    target: '≥ 10',
    met: ratio >= 10,
    how: `${rounds} rounds in turn: the script ${spread(byHand)}, tcplab run ${spread(alike)} for ${ALIKE.length} scenarios; ${spread(whole)} for all ${reports[0].results.length}`,
  });
  const share = median(whole) / median(longest);
  note({
    what: 'all scenarios against the longest of them alone',
    value: share,
    unit: '×',
    target: '< 1.5',
    met: share < 1.5,
    how: `in the same rounds: all ${spread(whole)}, ${LONGEST} ${spread(longest)}`,
  });
  const peak = Math.max(...peaks);
  note({
    what: 'peak memory of tcplab run',
    value: peak,
    unit: 'MB',
    target: '< 150',
    met: peak < 150,
    how: `the highest VmHWM of ${rounds} runs`,
  });

  const all = reports.flatMap(({ results }) => results);
  const proven = all.filter(({ verdict }) => verdict === 'proven').length;
  note({
    what: 'proven',
    value: (proven / all.length) * 100,
    unit: '%',
    target: '100',
    met: proven === all.length,
    how: `${proven} of ${all.length} in these runs`,
  });

  const reached = await reachTimes();
  const quick = reached.filter(({ scenario }) => !(scenario in WAITS));
  const slowest = quick.toSorted((a, b) => b.ms - a.ms)[0];
  const middle = median(quick.map(({ ms }) => ms));
  note({
    what: 'reaching a state where no kernel timer has to pass',
    value: middle,
    unit: 'ms',
    target: '< 5',
    met: middle < 5,
    how: `median of the medians of ${quick.length} scenarios, 20 runs each; the slowest median is ${slowest.scenario} with ${slowest.ms.toFixed(1)} ms`,
  });
  for (const { scenario, ms, p95 } of reached) {
    const waits = WAITS[scenario] ? `  (waits for ${WAITS[scenario]})` : '';
    say(
      `    ${scenario.padEnd(32)} ${ms.toFixed(1).padStart(6)} ms, 95 % below ${p95.toFixed(1)} ms${waits}`,
    );
  }

  const node = [process.execPath, '-e', '0'];
  for (const { args, target } of STARTS) {
    const [started, bare] = await inTurn(15 + 3 * rounds, [...TCPLAB, ...args], node);
    const starts = median(started) / median(bare);
    note({
      what: `tcplab ${args.join(' ')} against node -e 0`,
      value: starts,
      unit: '×',
      target: `≤ ${target}`,
      met: starts <= target,
      how: `${started.length} of each in turn: ${spread(started)} against ${spread(bare)}`,
    });
  }

  const held = await heldCpu(['established', 'fin-wait-1', 'time-wait'], 10);
  const worst = held.toSorted((a, b) => b.share - a.share)[0];
  note({
    what: 'processor time of a held lab',
    value: worst.share * 100,
    unit: '% of a core',
    target: '< 2',
    met: worst.share < 0.02,
    how: `over 10 s: ${held.map(({ scenario, share }) => `${scenario} ${(share * 100).toFixed(1)} %`).join(', ')}; in ticks of 10 ms`,
  });
  const memory = Math.max(...held.map(({ peakMb }) => peakMb));
  note({
    what: 'peak memory of a held lab',
    value: memory,
    unit: 'MB',
    target: '< 150',
    met: memory < 150,
    how: 'VmHWM after 10 s',
  });
  return { machine: machineLine(), measured, reached };
}

/**
 * What is compared with the script: the states that it makes, each in the ways of the article, and what else needs no
 * timer of the kernel to pass.
 */
const ALIKE = [
  ...['listen', 'syn-sent', 'syn-sent-dropped-at-client', 'syn-received', 'syn-received-dropped-at-server'],
  ...[
    'syn-received-simultaneous-open',
    'established',
    'fin-wait-1',
    'close-wait',
    'close-wait-never-accepted',
  ],
  ...['fin-wait-2', 'closing', 'last-ack', 'time-wait', 'closed-refused', 'closed-rejected-rst'],
  'closed-rejected-icmp',
];
/** It waits for two retransmissions. */
const LONGEST = 'time-wait-both';

/** Node 24 starts in half the time, and a lab takes as long as before. */
const STARTS = [
  ...[['list'], ['explain', 'fin-wait-1'], ['--help']].map((args) => ({ args, target: 1.5 })),
  { args: ['run', 'fin-wait-1', '--hold', '1ms'], target: process.version.startsWith('v20.') ? 2 : 3.3 },
];

/** @param {number} rounds */
async function runs(rounds) {
  /** @type {{ byHand: number[], alike: number[], all: number[], longest: number[], peaks: number[], reports: Report[] }} */
  const measured = { byHand: [], alike: [], all: [], longest: [], peaks: [], reports: [] };
  const run = async (/** @type {string[]} */ ...names) =>
    (await timed([...TCPLAB, 'run', ...names], PROVEN_OR_NOT)).ms;
  for (let round = 0; round < rounds; round++) {
    measured.byHand.push((await timed(['bash', here('./by-hand.sh')])).ms);
    measured.alike.push(await run(...ALIKE));
    measured.all.push(await run());
    measured.longest.push(await run(LONGEST));
    // The last output comes when all is done, and the JSON contains the number of labs.
    const { stdout, peakMb } = await timed([...TCPLAB, 'run', '--json'], PROVEN_OR_NOT);
    measured.peaks.push(peakMb);
    measured.reports.push(JSON.parse(stdout));
  }
  return measured;
}

/** @returns {Promise<{ scenario: string, ms: number, p95: number }[]>} */
async function reachTimes() {
  const { stdout } = await timed([...TCPLAB, 'run', '--repeat', '20', '--json'], PROVEN_OR_NOT);
  /** @type {Map<string, number[]>} */
  const times = new Map();
  for (const { scenario, reachedMs } of JSON.parse(stdout).results) {
    if (reachedMs !== null) times.set(scenario, [...(times.get(scenario) ?? []), reachedMs]);
  }
  return [...times].map(([scenario, all]) => ({ scenario, ms: median(all), p95: quantile(all, 0.95) }));
}

/**
 * @param {number} times
 * @param {string[]} one
 * @param {string[]} other
 */
async function inTurn(times, one, other) {
  /** @type {[number[], number[]]} */
  const [first, second] = [[], []];
  for (let time = 0; time < times; time++) {
    first.push((await timed(one)).ms);
    second.push((await timed(other)).ms);
  }
  return [first, second];
}

/**
 * Of labs side by side, each from when it is held.
 * @param {string[]} scenarios
 * @param {number} seconds
 */
async function heldCpu(scenarios, seconds) {
  return Promise.all(
    scenarios.map(async (scenario) => {
      const [node, ...args] = [...TCPLAB, 'hold', scenario];
      const child = spawn(node, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = new Promise((resolve) => child.once('close', resolve));
      const pid = child.pid ?? 0;
      try {
        await new Promise((resolve, reject) => {
          let said = '';
          child.once('error', reject);
          child.stdout.setEncoding('utf8').on('data', (text) => {
            said += text;
            if (/ms in /.test(said)) resolve(said);
          });
        });
        const startMs = performance.now();
        const before = cpuOf(pid);
        await pause(seconds * 1000);
        const share = (cpuOf(pid) - before) / ((performance.now() - startMs) / 1000);
        return { scenario, share, peakMb: peakOf(pid) ?? 0 };
      } finally {
        child.kill('SIGINT');
        await ended;
      }
    }),
  );
}

/** @param {number[]} times */
function spread(times) {
  return `${median(times).toFixed(0)} ms (${Math.min(...times).toFixed(0)}–${Math.max(...times).toFixed(0)})`;
}

/** @param {Measured} measured */
function line({ what, value, unit, target, met, how }) {
  const verdict = met ? 'met   ' : 'MISSED';
  return `${verdict}  ${what.padEnd(52)} ${value.toFixed(1).padStart(6)} ${unit.padEnd(12)} target ${target}\n        ${how}`;
}

function machineLine() {
  const memory = `${(totalmem() / 2 ** 30).toFixed(0)} GB`;
  const load = loadavg()[0]?.toFixed(2);
  return `Linux ${release().replace(/-.*/, '')}, ${arch()}, ${cpus().length} × ${cpus()[0]?.model.trim()}, ${memory}, Node ${process.version}, load ${load} at the start`;
}

const DOCUMENT = here('../docs/benchmarks.md');
const [BEGIN, END] = ['<!-- begin: npm run bench -- --write -->', '<!-- end -->'];

/**
 * Replaces the output of an earlier run in the document.
 * @param {string} text
 */
function write(text) {
  const document = readFileSync(DOCUMENT, 'utf8');
  const [before, rest = ''] = document.split(BEGIN);
  const after = rest.slice(rest.indexOf(END));
  writeFileSync(DOCUMENT, `${before}${BEGIN}\n\n\`\`\`text\n${text}\`\`\`\n\n${after}`);
}

if (process.argv[1] === join(here('.'), 'bench.mjs')) {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean' },
      write: { type: 'boolean' },
      rounds: { type: 'string', default: '5' },
    },
  });
  let said = '';
  const say = (/** @type {string} */ text) => {
    said += `${text}\n`;
    (values.json ? process.stderr : process.stdout).write(`${text}\n`);
  };
  const result = await bench({ rounds: Number(values.rounds), say });
  if (values.json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  if (values.write) write(said);
  process.exitCode = result.measured.every(({ met }) => met) ? 0 : 1;
}
