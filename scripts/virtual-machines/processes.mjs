import { spawn } from 'node:child_process';
import { SetupError } from '../setup/say.mjs';

/** What ends with this process, even when that is killed: it is the kernel that sees to it. */
export const DIES_WITH_US = ['setpriv', '--pdeathsig', 'KILL', '--'];

/** @typedef {{ status: number | null, stdout: string, stderr: string }} Outcome */

/**
 * Runs a command to its end, whatever that is.
 * @param {string[]} command
 * @param {{ input?: string | Uint8Array, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<Outcome>}
 */
function outcomeOf([program = '', ...args], { input, env = process.env } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: 'pipe' });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    // Who ends without reading all of its input says the rest by its status.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

/**
 * Runs a command that has to succeed.
 * @param {string} what is being done, for the error
 * @param {string[]} command
 * @param {Parameters<typeof outcomeOf>[1]} [options]
 * @returns {Promise<string>} its stdout
 */
export async function succeed(what, command, options) {
  const { status, stdout, stderr } = await outcomeOf(command, options);
  if (status === 0) return stdout;
  const said = `${stderr}${stdout}`.trim().split('\n').slice(-20).join('\n');
  throw new SetupError(`${what} failed with status ${status}:\n${said}`);
}
