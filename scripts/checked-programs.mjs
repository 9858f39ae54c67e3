#!/usr/bin/env node
// Generates docs/checked-programs.md: what `tcplab check` finds in well-known programs. A program that is not installed here
// keeps its section. `npm run docs:programs` tests all of them; `-- NAME...` tests some, and then writes nothing.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';
import { document, section } from './checked-programs-document.mjs';
import { PROGRAMS } from './checked-programs-list.mjs';

/** @typedef {import('./checked-programs-list.mjs').Looked} Looked */

const root = fileURLToPath(new URL('..', import.meta.url));
const page = join(root, 'docs/checked-programs.md');

/** @param {Looked} program */
function versionOf({ version: [program = '', ...args] }) {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) return undefined;
  const [line = ''] = (stdout || stderr).trim().split('\n');
  return /v?\d+(\.\d+)*/.exec(line.replace(/^\/.*\/|x86_64|aarch64|pc-linux-gnu/g, ''))?.[0];
}

/**
 * @param {Looked} program
 * @param {string} folder
 */
function reportOf({ target, options = [], command }, folder) {
  const asked = ['check', target, ...options, '--within', '3s', '--json', '--', command(folder)];
  const args = [join(root, 'dist/cli/main.js'), ...asked];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (!stdout) throw new Error(`${args.join(' ')}: ${stderr}`);
  // The folder has a different name in every run.
  return JSON.parse(stdout.replaceAll(folder, 'FOLDER'));
}

build(root);
const wanted = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'tcplab-programs-'));
try {
  chmodSync(folder, 0o755);
  /** @type {Map<string, string>} */
  const looked = new Map();
  for (const program of PROGRAMS) {
    if (wanted.length > 0 && !wanted.includes(program.name)) continue;
    const version = versionOf(program);
    process.stderr.write(`${program.name}${version ? ` ${version}` : ': not installed'}\n`);
    if (version) looked.set(program.name, section(program, version, reportOf(program, folder)));
  }
  if (wanted.length > 0) {
    process.stdout.write([...looked.values()].join('\n'));
  } else {
    const names = PROGRAMS.map(({ name }) => name);
    writeFileSync(page, document(readFileSync(page, 'utf8'), names, looked));
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
