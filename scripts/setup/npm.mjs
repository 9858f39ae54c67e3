import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError, say } from './say.mjs';

/**
 * `npm ci`, when node_modules is not what package-lock.json says.
 * @param {string} root
 */
export function ensureNpmPackages(root) {
  const reason = whyStale(root);
  if (reason === undefined) return;
  say(`tcplab: npm ci (${reason})`);
  // The compiler is among the development packages, which NODE_ENV=production would leave out.
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = spawnSync('npm', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  if (npm.error) throw new SetupError(`npm could not be run: ${npm.error.message}`);
  if (npm.status !== 0) throw new SetupError(`npm ci failed:\n${`${npm.stdout}${npm.stderr}`.trimEnd()}`);
}

/**
 * Compares what is installed with what is locked, since a checkout changes files' times as it likes.
 * @param {string} root
 * @returns {string | undefined}
 */
function whyStale(root) {
  const locked = readLock(join(root, 'package-lock.json'));
  if (!locked) throw new SetupError('package-lock.json is missing or broken');
  // npm writes this file last, so an installation that was broken off does not have it.
  const installed = readLock(join(root, 'node_modules/.package-lock.json'));
  if (!installed) return 'node_modules is missing or incomplete';

  for (const [path, wanted] of Object.entries(locked)) {
    if (path === '' || wanted.link) continue;
    const there = installed[path];
    const otherMachines = wanted.optional || wanted.os || wanted.cpu;
    if (!there && otherMachines) continue;
    if (there?.version !== wanted.version || there?.integrity !== wanted.integrity) {
      return 'package-lock.json has changed';
    }
  }
  return Object.keys(installed).every((path) => path in locked) ? undefined : 'package-lock.json has changed';
}

/**
 * @typedef {{ version?: string, integrity?: string, link?: boolean, optional?: boolean, os?: string[], cpu?: string[] }} Locked
 * @param {string} file
 * @returns {Record<string, Locked> | undefined}
 */
function readLock(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}
