import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { median, timed } from './measure.mjs';

/**
 * What a lab costs a test, and what a short run takes, against an older revision that is built for it: in turn, each a
 * process of its own. `node bench/lab.mjs --before REVISION`
 */

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
/** The commit before kernel events came by BPF. */
const BEFORE = 'e60806d^';
/** As an ordinary user tcplab runs in namespaces like these. */
const AS_USER = ['unshare', '--user', '--map-root-user', '--net', '--mount', '--'];
const LABS = 15;

/**
 * @typedef {object} Compared
 * @property {string} what
 * @property {number} before milliseconds, the median
 * @property {number} now
 * @property {number} ratio
 * @property {number | null} target
 * @property {boolean} met
 */

/**
 * @param {{ before: string, rounds: number, say: (line: string) => void }} options
 * @returns {Promise<Compared[]>}
 */
export async function benchLab({ before, rounds, say }) {
  const folder = mkdtempSync(join(tmpdir(), 'tcplab-bench-'));
  try {
    buildRevision(before, folder);
    const builds = [join(folder, 'dist'), here('../dist')];
    const isRoot = process.getuid?.() === 0;
    const labs =
      (/** @type {string[]} */ ...as) =>
      (/** @type {string} */ dist) =>
        medianLab(as, dist);
    const measures = [
      ...(isRoot ? [{ what: 'a lab in a test, as root', target: 1 / 10, measure: labs() }] : []),
      { what: 'a lab in a test, as an ordinary user', target: 1 / 3, measure: labs(...AS_USER) },
      { what: 'tcplab run fin-wait-1 --hold 1ms', target: null, measure: shortRun },
    ].map((one) => ({ ...one, times: /** @type {number[][]} */ ([[], []]) }));
    for (let round = 0; round < rounds; round++) {
      for (const { measure, times } of measures) {
        for (const [index, dist] of builds.entries()) times[index]?.push(await measure(dist));
      }
    }
    return measures.map(({ what, target, times: [old = [], now = []] }) => {
      const ratio = median(now) / median(old);
      const met = target === null || ratio <= target;
      const verdict = target === null ? '      ' : met ? 'met   ' : 'MISSED';
      const aim = target === null ? '' : `  target ≤ ${target.toFixed(2)}`;
      say(`${verdict}  ${what.padEnd(40)} ${ratio.toFixed(2)} ×${aim}`);
      say(`        ${rounds} rounds in turn: before ${spread(old)}, now ${spread(now)}`);
      return { what, before: median(old), now: median(now), ratio, target, met };
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} revision
 * @param {string} folder
 */
function buildRevision(revision, folder) {
  const run = (/** @type {string} */ program, /** @type {string[]} */ ...args) => {
    const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: here('..'), encoding: 'utf8' });
    if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error ?? (stderr || stdout)}`);
  };
  const archive = join(folder, 'source.tar');
  run('git', 'archive', '--output', archive, revision);
  run('tar', '-x', '-f', archive, '-C', folder);
  // The packages are those of today: the measured code must not differ in anything else.
  symlinkSync(here('../node_modules'), join(folder, 'node_modules'));
  run(process.execPath, join(folder, 'scripts/build.mjs'));
}

/**
 * @param {string[]} as what runs it
 * @param {string} dist
 */
async function medianLab(as, dist) {
  const { stdout } = await timed([...as, process.execPath, here('./lab.mjs'), '--labs-of', dist]);
  return Number(stdout);
}

/** @param {string} dist */
async function shortRun(dist) {
  const main = join(dist, 'cli/main.js');
  return (await timed([process.execPath, main, 'run', 'fin-wait-1', '--hold', '1ms'])).ms;
}

/**
 * Opens labs one after the other, makes a connection in each, and closes it. The first is not counted: it loads what the
 * others find loaded.
 * @param {string} dist
 */
async function labsOf(dist) {
  /** @type {typeof import('../dist/index.js')} */
  const { Lab } = await import(pathToFileURL(join(dist, 'index.js')).href);
  const times = [];
  for (let lab = 0; lab <= LABS; lab++) {
    const startMs = performance.now();
    await oneConnection(await Lab.open());
    if (lab > 0) times.push(performance.now() - startMs);
  }
  return median(times);
}

/** @param {import('../dist/lab/lab.js').Lab} lab */
async function oneConnection(lab) {
  const listener = await lab.server.openSocket();
  await lab.server.bind(listener, lab.serverEndpoint());
  await lab.server.listen(listener, 5);
  const socket = await lab.client.openSocket();
  await lab.client.bind(socket, lab.nextClientEndpoint());
  await lab.client.connect(socket, lab.serverEndpoint());
  await lab.waitFor('ESTABLISHED', async () => {
    const { client } = await lab.observe();
    return client.some(({ state }) => state === 'ESTABLISHED');
  });
  await lab[Symbol.asyncDispose]();
}

/** @param {number[]} times */
function spread(times) {
  return `${median(times).toFixed(1)} ms (${Math.min(...times).toFixed(1)}–${Math.max(...times).toFixed(1)})`;
}

if (process.argv[1] === here('./lab.mjs')) {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean' },
      before: { type: 'string', default: BEFORE },
      rounds: { type: 'string', default: '9' },
      'labs-of': { type: 'string' },
    },
  });
  if (values['labs-of']) {
    process.stdout.write(String(await labsOf(values['labs-of'])));
  } else {
    const say = (/** @type {string} */ text) =>
      (values.json ? process.stderr : process.stdout).write(`${text}\n`);
    const result = await benchLab({ before: values.before, rounds: Number(values.rounds), say });
    if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
    process.exitCode = result.every(({ met }) => met) ? 0 : 1;
  }
}
