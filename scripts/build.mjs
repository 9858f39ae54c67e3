import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SetupError } from './setup/say.mjs';

const STAMP = 'dist/.built';
const MAIN = 'dist/cli/main.js';

/**
 * Compiles src/ into dist/. The old files are overwritten in place, and what no source stands behind any
 * more is removed afterwards, so that a tcplab that runs from dist/ meanwhile never finds it empty.
 * @param {string} root
 */
export function build(root) {
  // Taken first: a source that changes during the build makes this build stale.
  const sources = fingerprint(root);
  rmSync(join(root, STAMP), { force: true });

  const made = [
    ...compile(root, 'tsconfig.build.json'),
    ...compile(root, 'tsconfig.web.json', '--noEmit', 'false'),
    ...copyAsTheyAre(root),
  ];
  removeAllBut(new Set(made), join(root, 'dist'));
  if (existsSync(join(root, MAIN))) chmodSync(join(root, MAIN), 0o755);
  writeFileSync(join(root, STAMP), sources);
}

/**
 * @param {string} root
 * @param {string} project
 * @param {string[]} options
 * @returns {string[]} the files that it made
 */
function compile(root, project, ...options) {
  const args = [join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, project), ...options];
  args.push('--noEmitOnError', '--listEmittedFiles', '--pretty', String(process.stderr.isTTY ?? false));
  const tsc = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (tsc.error) throw tsc.error;
  const lines = tsc.stdout.split('\n');
  const messages = lines.filter((line) => !line.startsWith('TSFILE: ')).join('\n');
  process.stderr.write(messages);
  if (tsc.status !== 0) throw new SetupError('the build failed');
  return lines.filter((line) => line.startsWith('TSFILE: ')).map((line) => resolve(line.slice(8)));
}

/**
 * The style sheets, the code that runs on another machine as text, and the CommonJS entries with their types.
 * @param {string} root
 * @returns {string[]}
 */
function copyAsTheyAre(root) {
  mkdirSync(join(root, 'dist/web'), { recursive: true });
  const names = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => /\.(css|cjs|d\.cts)$/.test(name))
    .map((name) => {
      const copy = join(root, 'dist', name);
      copyFileSync(join(root, 'src', name), copy);
      return copy;
    });
}

/** @param {string} root */
export function buildIfStale(root) {
  if (!isBuilt(root)) build(root);
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
    build(fileURLToPath(new URL('..', import.meta.url)));
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.exitCode = 1;
  }
}
