#!/usr/bin/env node
// Random walks of a connection's two ends on the real kernel: `npm run fuzz -- --seed 7 --steps 20000`. After each step, no
// witness may contradict the socket table, and every transition must have an arc. A walk that fails is printed, shortened.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SetupError, say } from './setup/say.mjs';

const USAGE = `Usage: npm run fuzz -- [--seed <n>] [--steps <n>]

  --seed <n>   which walks; the same seed gives the same walks (default: another each time)
  --steps <n>  how many steps in all, about (default: 1000)`;

try {
  const { seed, steps = '1000', help } = readArguments();
  if (help) {
    process.stdout.write(`${USAGE}\n`);
  } else {
    const { status } = spawnSync(
      'npx',
      ['vitest', 'run', 'test/fuzz.test.ts', '-t', 'random walks', '--disable-console-intercept'],
      {
        cwd: fileURLToPath(new URL('..', import.meta.url)),
        stdio: 'inherit',
        env: {
          ...process.env,
          TCPLAB_FUZZ_STEPS: String(whole('--steps', steps)),
          TCPLAB_FUZZ_SEED: String(
            seed === undefined ? 1 + Math.floor(Math.random() * 2 ** 30) : whole('--seed', seed),
          ),
        },
      },
    );
    process.exitCode = status ?? 1;
  }
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(`${error.message}\n${USAGE}`);
  process.exitCode = 2;
}

function readArguments() {
  const text = /** @type {const} */ ({ type: 'string' });
  try {
    return parseArgs({ options: { seed: text, steps: text, help: { type: 'boolean', short: 'h' } } }).values;
  } catch (error) {
    throw new SetupError(/** @type {Error} */ (error).message);
  }
}

/**
 * @param {string} name
 * @param {string} given
 */
function whole(name, given) {
  const number = Number(given);
  if (/^\d+$/.test(given) && number >= 1 && number < 2 ** 31) return number;
  throw new SetupError(`${name} must be a whole number from 1 to 2147483647, not ${given}`);
}
