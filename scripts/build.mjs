import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SetupError } from './setup/say.mjs';

const STAMP = 'dist/.built';
const MAIN = 'dist/cli/main.js';

/**
 * Makes dist/ and build/ of src/: tsc checks the types and writes the declarations, esbuild makes the rest
 * (scripts/bundle.mjs). The old files are replaced one by one, and what no source stands behind any more is removed
 * afterwards, so that a tcplab that runs from dist/ meanwhile never finds it empty.
 * @param {string} root
 * @param {{ isChecked?: boolean }} [how] whether the types are checked here, or elsewhere
 */
export function build(root, { isChecked = true } = {}) {
  // Taken first: a source that changes during the build makes this build stale.
  const sources = fingerprint(root);
  rmSync(join(root, STAMP), { force: true });

  if (isChecked) declare(root, 'tsconfig.web.json');
  const declarations = declare(root, 'tsconfig.build.json', ...(isChecked ? [] : ['--noCheck']));
  const made = new Set([...declarations, ...bundle(root)]);
  for (const folder of ['dist', 'build']) removeAllBut(made, join(root, folder));
  writeFileSync(join(root, STAMP), sources);
}

/**
 * @param {string} root
 * @param {string} project
 * @param {string[]} options
 * @returns {string[]} the declarations that tsc wrote
 */
function declare(root, project, ...options) {
  const args = [
    join(root, 'node_modules/typescript/bin/tsc'),
    '-p',
    join(root, project),
    '--listEmittedFiles',
    ...options,
  ];
  const lines = run(root, [...args, '--pretty', String(process.stderr.isTTY ?? false)]).split('\n');
  return lines.filter((line) => line.startsWith('TSFILE: ')).map((line) => resolve(line.slice(8)));
}

/**
 * In a process of its own, so that nothing here needs a package before there is one.
 * @param {string} root
 * @returns {string[]} the files that it wrote
 */
function bundle(root) {
  return JSON.parse(run(root, [join(root, 'scripts/bundle.mjs')]));
}

/**
 * @param {string} root
 * @param {string[]} args
 * @returns {string} what it wrote on standard output
 */
function run(root, args) {
  const stdio = /** @type {const} */ (['ignore', 'pipe', 'inherit']);
  const ran = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26, stdio });
  if (ran.error) throw ran.error;
  if (ran.status === 0) return ran.stdout;
  process.stderr.write(ran.stdout.replace(/^TSFILE: .*\n/gm, ''));
  throw new SetupError('the build failed');
}

/**
 * @param {string} root
 * @param {{ isChecked?: boolean }} [how]
 */
export function buildIfStale(root, how) {
  if (!isBuilt(root)) build(root, how);
}

/**
 * Without the declarations, which nothing that runs needs, and so without the stamp.
 * @param {string} root
 */
export function bundleIfStale(root) {
  if (isBuilt(root)) return;
  rmSync(join(root, STAMP), { force: true });
  bundle(root);
}

/** @param {string} root */
export function isBuilt(root) {
  try {
    return existsSync(join(root, MAIN)) && readFileSync(join(root, STAMP), 'utf8') === fingerprint(root);
  } catch {
    return false;
  }
}

/**
 * Names, sizes and times of all that a build depends on; so a file that vanished shows as well.
 * @param {string} root
 */
function fingerprint(root) {
  const files = [
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'tsconfig.web.json',
    'scripts/build.mjs',
    'scripts/bundle.mjs',
  ];
  for (const name of readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })) {
    if (/\.(ts|css|cjs)$/.test(name) && !name.endsWith('.test.ts')) files.push(join('src', name));
  }
  const hash = createHash('sha1');
  for (const file of files.sort()) {
    const { size, mtimeMs } = statSync(join(root, file));
    hash.update(`${file} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

/**
 * @param {Set<string>} keep
 * @param {string} folder
 */
function removeAllBut(keep, folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      removeAllBut(keep, path);
      if (readdirSync(path).length === 0) rmdirSync(path);
    } else if (!keep.has(path)) {
      rmSync(path);
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    build(fileURLToPath(new URL('..', import.meta.url)), {
      isChecked: !process.argv.includes('--unchecked'),
    });
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.exitCode = 1;
  }
}
