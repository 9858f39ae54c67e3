import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A program that `npm run docs:programs` tests.
 * @typedef {object} Looked
 * @property {string} name
 * @property {'server' | 'client'} target
 * @property {string} package the Debian package, whose version the page shows; or `npm:NAME@VERSION`
 * @property {string[]} [options] of `tcplab check`
 * @property {string} [idle] how long peer-vanishes-idle waits; default: as long as the others
 * @property {(folder: string) => string} command starts the program; writes its files into the folder first
 */

/**
 * @param {string} folder
 * @param {string} name
 * @param {string} text
 */
export function file(folder, name, text) {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

/**
 * Builds a program, which must succeed.
 * @param {string} folder
 * @param {string} program
 * @param {...string} args
 */
export function built(folder, program, ...args) {
  const env = { ...process.env, GOCACHE: join(folder, 'go-cache'), HOME: folder };
  const { status, stderr } = spawnSync(program, args, { cwd: folder, encoding: 'utf8', env });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
}
