import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { runtimeNeeds, testNeeds } from './setup/needs.mjs';
import { ensureNode } from './setup/node.mjs';
import { ensureNpmPackages } from './setup/npm.mjs';
import { orExit, SetupError, say } from './setup/say.mjs';
import { ensureSystemPackages, environmentWithSbin } from './setup/system.mjs';
import { whyNotExcused } from './skips.mjs';

/** @typedef {{ name: string, command: string[] }} Step */
/** @typedef {{ name: string, outcome: 'ok' | 'FAILED' | 'not run', detail: string }} Outcome */
/** @typedef {import('./tally-reporter.mjs').Tally} Tally */

const root = fileURLToPath(new URL('..', import.meta.url));
const endingSignals = /** @type {const} */ (['SIGINT', 'SIGTERM']);
const isRoot = process.getuid?.() === 0;

// Gives an ordinary user the namespaces, and in them the rights, that root has anyway.
const ownNamespaces = isRoot ? [] : ['unshare', '--user', '--map-root-user', '--net', '--mount', '--'];

orExit(() => {
  ensureNode(root);
  ensureNpmPackages(root);
  ensureSystemPackages([...runtimeNeeds, ...testNeeds]);
  ensureNamespaces();
});

const folder = mkdtempSync(join(tmpdir(), 'tcplab-test-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const tallyFile = join(folder, 'tally.json');

const bin = (/** @type {string} */ name) => join(root, 'node_modules/.bin', name);
const reporters = ['default', join(root, 'scripts/tally-reporter.mjs')].map((name) => `--reporter=${name}`);
reporters.push(`--outputFile.tally=${tallyFile}`);
/** What all else needs. The types are checked below, once. */
const building = {
  name: 'build',
  command: [process.execPath, join(root, 'scripts/build.mjs'), '--unchecked'],
};
/** What the last check found, so that the next one looks at what has changed. */
const TYPES_KNOWN = join(root, 'node_modules/.cache/tcplab/types.tsbuildinfo');
/** What runs beside the tests, one after the other. @type {Step[]} */
const checks = [
  { name: 'format and lint', command: [bin('biome'), 'check', '.'] },
  { name: 'prose', command: [process.execPath, join(root, 'scripts/prose/lint.mjs')] },
  { name: 'types', command: [bin('tsc'), '--noEmit', '--incremental', '--tsBuildInfoFile', TYPES_KNOWN] },
  { name: 'types of the pages', command: [bin('tsc'), '--noEmit', '-p', 'tsconfig.web.json'] },
  // Without scripts: npm pack would build once more, under the running tests.
  { name: 'package checks', command: ['npm', 'run', '--silent', '--ignore-scripts', 'package-check'] },
];
const testing = {
  name: 'tests',
  command: [...ownNamespaces, bin('vitest'), 'run', ...reporters, ...process.argv.slice(2)],
};

/** @type {NodeJS.Signals | undefined} */
let ending;
/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
for (const signal of endingSignals) {
  process.on(signal, () => {
    ending = signal;
    for (const child of running) child.kill(signal);
  });
}

const outcomes = await runSteps();
// All are waited for before ending by the same signal, so that nothing writes to the terminal afterwards.
if (ending) {
  rmSync(folder, { recursive: true, force: true });
  for (const signal of endingSignals) process.removeAllListeners(signal);
  process.kill(process.pid, ending);
} else {
  process.exitCode = summarize(outcomes, readTally(outcomes.at(-1)?.outcome === 'ok'));
}

/** All of them, whatever fails, but the tests of what was not built. */
async function runSteps() {
  const built = await run(building);
  const checking = runChecks();
  /** @type {Outcome} */
  let tested = { name: testing.name, outcome: 'not run', detail: `since the ${building.name} failed` };
  if (built.outcome === 'ok') tested = await run(testing);
  const checked = await checking;
  // Only now: before, it would have torn the screen of the tests.
  for (const { said, ...outcome } of checked) {
    begins(outcome);
    process.stderr.write(said);
    ends(outcome);
  }
  return [built, ...checked, tested];
}

async function runChecks() {
  const outcomes = [];
  for (const check of checks) {
    if (!ending) outcomes.push(await run(check, { isBeside: true }));
  }
  return outcomes;
}

/** @param {{ name: string }} step */
function begins({ name }) {
  say(`\n── ${name} ──`);
}

/** @param {Outcome} outcome */
function ends({ name, outcome, detail }) {
  say(`── ${name}: ${outcome}, ${detail} ──`);
}

/**
 * @param {Step} step
 * @param {{ isBeside?: boolean }} [how]
 * @returns {Promise<Outcome & { said: string }>} what it said only if it ran beside the tests
 */
async function run({ name, command: [program = '', ...args] }, { isBeside = false } = {}) {
  if (!isBeside) begins({ name });
  const start = performance.now();
  // The tests compare with what the set-up has found there.
  const child = spawn(program, args, {
    cwd: root,
    stdio: isBeside ? ['ignore', 'pipe', 'pipe'] : 'inherit',
    env: environmentWithSbin(),
  });
  running.add(child);
  // They take what the tests leave.
  if (isBeside && child.pid) setPriority(child.pid, 10);
  const said = Promise.all([child.stdout, child.stderr].map((stream) => (stream ? text(stream) : '')));
  const status = await new Promise((done, fail) => {
    child.on('error', fail);
    child.on('exit', (code, signal) => done(code ?? 128 + constants.signals[signal ?? 'SIGKILL']));
  });
  running.delete(child);
  const seconds = `${((performance.now() - start) / 1000).toFixed(1)} s`;
  /** @type {Outcome} */
  const outcome =
    status === 0
      ? { name, outcome: 'ok', detail: seconds }
      : { name, outcome: 'FAILED', detail: `${seconds}, status ${status}` };
  if (!isBeside) ends(outcome);
  return { ...outcome, said: (await said).join('') };
}

/**
 * Prints what was skipped and why, what failed, and the count, as the last line of all.
 * @param {Outcome[]} outcomes
 * @param {Tally} tally
 * @returns {number} the exit status
 */
function summarize(outcomes, { tests, errors }) {
  const failures = tests.filter(({ state }) => state === 'failed').map(nameWithReason);
  failures.push(...errors);
  const skipped = tests.filter(({ state }) => state === 'skipped');
  const excused = [];
  for (const test of skipped) {
    const why = whyNotExcused(test.reason ?? '', { isRoot, isCi: Boolean(process.env['CI']) });
    if (why) failures.push(`${nameWithReason(test)} (${why})`);
    else excused.push(test);
  }
  // A failed step counts as well, but vitest's own status says nothing new when it has named failures.
  const failedSteps = outcomes.filter(
    ({ name, outcome }) => outcome === 'FAILED' && !(name === 'tests' && failures.length > 0),
  );
  failures.push(...failedSteps.map(({ name, detail }) => `step ${name} (${detail})`));
  const passed = tests.filter(({ state }) => state === 'passed').length;

  const lines = ['', 'Steps'];
  for (const { name, outcome, detail } of outcomes) lines.push(`  ${outcome.padEnd(8)} ${name}, ${detail}`);
  const again = tests.filter(({ state, tries = 1 }) => state === 'passed' && tries > 1);
  if (again.length > 0)
    lines.push('Passed at a second try only', ...again.map((test) => `  ${nameWithReason(test)}`));
  if (excused.length > 0) lines.push('Skipped', ...excused.map((test) => `  ${nameWithReason(test)}`));
  if (failures.length > 0) lines.push('Failed', ...failures.map((failure) => `  ${failure.trimEnd()}`));
  lines.push('', `${passed} passed, ${failures.length} failed, ${excused.length} skipped`);
  process.stdout.write(`${lines.join('\n')}\n`);
  return failures.length > 0 ? 1 : 0;
}

/** @param {Tally['tests'][number]} test */
function nameWithReason({ name, reason }) {
  return reason ? `${name}: ${reason}` : name;
}

/**
 * @param {boolean} finished whether vitest says that all is well; then there has to be a tally
 * @returns {Tally}
 */
function readTally(finished) {
  if (!existsSync(tallyFile)) return { tests: [], errors: finished ? ['vitest left no tally'] : [] };
  return JSON.parse(readFileSync(tallyFile, 'utf8'));
}

function ensureNamespaces() {
  const [program, ...args] = ownNamespaces;
  if (!program) return;
  const probe = spawnSync(program, [...args, 'true'], { encoding: 'utf8' });
  if (probe.status === 0) return;
  throw new SetupError(
    [
      'an ordinary user may not make namespaces here, and the tests need them.',
      `  ${ownNamespaces.join(' ')} true`,
      `  ${(probe.stderr || String(probe.error)).trim()}`,
      'Run npm test as root, or allow it (each where the machine has it):',
      '  sudo sysctl -w user.max_user_namespaces=15000',
      '  sudo sysctl -w kernel.unprivileged_userns_clone=1',
      '  sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
    ].join('\n'),
  );
}
