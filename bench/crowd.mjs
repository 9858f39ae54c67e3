import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median, timed } from './measure.mjs';

/**
 * `tcplab hold close-wait --count N` against a loop in C that makes the same calls, in namespaces that tcplab made. In
 * turn, each a process of its own. A warm-up round is not counted: it is the kernel's, which grows its caches.
 */

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const TCPLAB = [process.execPath, here('../dist/cli/main.js')];
const TARGET = 0.7;

/** @typedef {{ count: number, inState: number, perSecond: number }} Rate */

/**
 * @param {{ rounds: number, count: number, say: (line: string) => void }} options
 * @returns {Promise<{ c: number, tcplab: number, ratio: number, inState: boolean } | undefined>} undefined without a compiler
 */
export async function benchCrowd({ rounds, count, say }) {
  const folder = mkdtempSync(join(tmpdir(), 'tcplab-bench-'));
  try {
    const program = join(folder, 'crowd');
    const built = spawnSync('cc', ['-O2', '-o', program, here('./crowd.c')], { encoding: 'utf8' });
    if (built.status !== 0) {
      say(`not measured: ${built.error ? 'there is no cc here' : `cc does not build it: ${built.stderr}`}`);
      return undefined;
    }
    /** @type {Rate[]} */
    const [inC, inTcplab] = [[], []];
    for (let round = 0; round <= rounds; round++) {
      const pair = [await runC(program, count), await runTcplab(count)];
      if (round === 0) continue;
      inC.push(pair[0]);
      inTcplab.push(pair[1]);
      say(`round ${round}: in C ${pair[0].perSecond} a second, tcplab ${pair[1].perSecond}`);
    }
    const [c, tcplab] = [inC, inTcplab].map((rates) => median(rates.map(({ perSecond }) => perSecond)));
    const inState = [...inC, ...inTcplab].every((rate) => rate.inState === count);
    return { c, tcplab, ratio: tcplab / c, inState };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} program
 * @param {number} count
 * @returns {Promise<Rate>}
 */
async function runC(program, count) {
  const { createWithOwnTable } = await import('../build/lab/own-table.js');
  const { layWire } = await import('../build/lab/wire.js');
  const { ADDRESSES } = await import('../build/lab/addresses.js');
  const [client, server] = [createWithOwnTable(), createWithOwnTable()];
  try {
    const captures = await layWire({ client, server });
    await Promise.all([captures.client.close(), captures.server.close()]);
    const addresses = [ADDRESSES.client.ipv4.address, ADDRESSES.server.ipv4.address];
    const { status, stdout, stderr } = spawnSync(program, [String(count), '3', '4', ...addresses], {
      stdio: ['ignore', 'pipe', 'pipe', client.fd, server.fd],
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`the loop in C ended with ${status}: ${stderr}`);
    return JSON.parse(stdout);
  } finally {
    client.close();
    server.close();
  }
}

/**
 * @param {number} count
 * @returns {Promise<Rate>}
 */
async function runTcplab(count) {
  const args = ['hold', 'close-wait', '--count', String(count), '--for', '1ms', '--json'];
  return JSON.parse((await timed([...TCPLAB, ...args])).stdout);
}

if (process.argv[1] === here('./crowd.mjs')) {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean' },
      rounds: { type: 'string', default: '9' },
      count: { type: 'string', default: '10000' },
    },
  });
  const say = (/** @type {string} */ text) =>
    (values.json ? process.stderr : process.stdout).write(`${text}\n`);
  const result = await benchCrowd({ rounds: Number(values.rounds), count: Number(values.count), say });
  if (result) {
    const { c, tcplab, ratio, inState } = result;
    const met = inState && ratio >= TARGET;
    say(
      `${met ? 'met   ' : 'MISSED'}  ${values.count} CLOSE-WAITs: tcplab ${tcplab} a second, in C ${c}; ${ratio.toFixed(2)} ×, target ≥ ${TARGET}; ${inState ? 'all' : 'NOT all'} in the state`,
    );
    if (values.json) process.stdout.write(`${JSON.stringify({ ...result, met })}\n`);
    process.exitCode = met ? 0 : 1;
  }
}
