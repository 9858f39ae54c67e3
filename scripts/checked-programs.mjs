#!/usr/bin/env node
// Generates docs/checked-programs.md: what `tcplab check` finds in well-known programs. `npm run docs:programs` tests all of
// them, and `-- NAME...` some. The results are kept in checked-programs-found.json, so that a program that is not installed
// here, or was not named, keeps its own; with `-- --quick`, so do the two tests that wait for minutes. `-- --page` only writes the
// page from them.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';
import { document } from './checked-programs-document.mjs';
import { PROGRAMS } from './checked-programs-list.mjs';

/** @typedef {import('./checked-programs-files.mjs').Looked} Looked */
/** @typedef {import('./checked-programs-document.mjs').Found} Found */

const root = fileURLToPath(new URL('..', import.meta.url));
const page = join(root, 'docs/checked-programs.md');
const kept = join(root, 'scripts/checked-programs-found.json');

/**
 * The installed version; undefined if the program is not installed.
 * @param {Looked} program
 * @param {string} folder
 */
function versionOf({ package: from }, folder) {
  const [, name = '', version = ''] = /^npm:(.+)@(.+)$/.exec(from) ?? [];
  if (name) {
    if (existsSync(join(folder, 'node_modules', name))) return version;
    const args = ['install', '--prefix', folder, '--no-audit', '--no-fund', `${name}@${version}`];
    const { status, stderr } = spawnSync('npm', args, { encoding: 'utf8' });
    if (status !== 0) process.stderr.write(stderr);
    return status === 0 ? version : undefined;
  }
  const shown = spawnSync('dpkg-query', ['-W', from], { encoding: 'utf8' });
  if (shown.status !== 0) return undefined;
  // Without the epoch, and what Debian adds.
  return (shown.stdout.trim().split('\t')[1] ?? '')
    .replace(/^\d+:/, '')
    .replace(/(\+dfsg\d*)?(-[^-]*)?$/, '')
    .replace(/-.*/, '');
}

/**
 * What a check found.
 * @param {string[]} asked its arguments
 * @returns {Promise<{ command: string, probes: Found['probes'] }>}
 */
async function reportOf(asked) {
  const args = [join(root, 'dist/cli/main.js'), 'check', ...asked];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (!stdout) throw new Error(`${args.join(' ')}: ${stderr}`);
  // The folder has a different name in every run.
  return JSON.parse(stdout.replaceAll(folder, 'FOLDER'));
}

const WITHIN = ['--within', '8s', '--json'];
/** These wait for the program's own timeouts. */
const LONG = ['peer-vanishes-idle', 'idle-timeout'];

/**
 * @param {Looked} program
 * @returns {Promise<Omit<Found, 'version'>>}
 */
async function foundIn({ name, target, options = [], idle, command: commandIn }) {
  const command = wordsOf(commandIn(folder));
  const [{ probes, command: shown }, ...patient] = await Promise.all([
    reportOf([target, ...options, ...WITHIN, '--', ...command]),
    ...(idle && !isQuick ? [reportOf([target, ...options, ...patience(idle), '--', ...command])] : []),
  ]);
  const before =
    idle && isQuick ? (keptBefore()[name]?.probes ?? []).filter(({ id }) => LONG.includes(id)) : [];
  const long = patient[0]?.probes ?? before;
  const all = probes.map((probe) => long.find(({ id }) => id === probe.id) ?? probe);
  const kept = all.map(({ id, verdict, code, says }) => ({ id, verdict, code, says }));
  return { target, command: shown, options: options.join(' '), probes: kept };
}

/**
 * Without a shell in between, which would get the stop signal instead of the program.
 * @param {string} command
 */
function wordsOf(command) {
  return /['"|;]/.test(command) ? [command] : command.split(' ');
}

/** @param {string} within */
function patience(within) {
  return ['--only', ...LONG, '--within', within, '--json'];
}

const wanted = process.argv.slice(2);
const isQuick = wanted.includes('--quick');
const names = wanted.filter((word) => !word.startsWith('--'));
/** @returns {Record<string, Found>} */
const keptBefore = () => (existsSync(kept) ? JSON.parse(readFileSync(kept, 'utf8')) : {});
const folder = mkdtempSync(join(tmpdir(), 'tcplab-programs-'));
try {
  chmodSync(folder, 0o755);
  if (!wanted.includes('--page')) {
    if (!wanted.includes('--built')) build(root);
    for (const program of PROGRAMS) {
      const { name } = program;
      if (names.length > 0 && !names.includes(name)) continue;
      const version = versionOf(program, folder);
      process.stderr.write(`${name}${version ? ` ${version}` : ': not installed'}\n`);
      if (!version) continue;
      const anew = { version, ...(await foundIn(program)) };
      const found = { ...keptBefore(), [name]: anew };
      const inOrder = PROGRAMS.flatMap(({ name }) => (found[name] ? [[name, found[name]]] : []));
      writeFileSync(kept, `${JSON.stringify(Object.fromEntries(inOrder), null, 2)}\n`);
    }
  }
  writeFileSync(page, document(keptBefore()));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
