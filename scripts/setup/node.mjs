import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from './say.mjs';

/**
 * Says at once what an older Node would only say as some syntax error later.
 * @param {string} root
 * @param {string} [version]
 */
export function ensureNode(root, version = process.versions.node) {
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  if (!engines.node.split(' || ').some((/** @type {string} */ range) => satisfies(version, range))) {
    throw new SetupError(`needs Node ${engines.node}, and this is ${version}`);
  }
}

/**
 * @param {string} version
 * @param {string} range `^20.19.0` or `>=22.12.0`; package.json has no other kind
 */
function satisfies(version, range) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = range.replace(/^\D+/, '').split('.').map(Number);
  if (major === wantedMajor) return minor >= wantedMinor;
  return range.startsWith('>=') && major > wantedMajor;
}
