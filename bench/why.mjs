import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { median } from './measure.mjs';

/**
 * `why` on a network namespace with 50,000 sockets, all open: without owners and with them, against a C program that
 * only counts the rows, and against `ss`. Processor time of one look, in turn, on the same table, each in a process of its own.
 */

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const [COUNT, ROUNDS] = [50_000, 5];
/** The most that a look may take, in times of the dump in C, and the most memory in MB. */
const [PLAIN, WITH_OWNERS, MEMORY] = [1.5, 3, 150];

if (process.argv[2] === '--look') await look(process.argv[3] ?? '', process.argv[4] === 'owners');
else await compare();

/** One look, in this process. */
async function look(namespace, hasOwners) {
  const { MachineSockets } = await import('../build/diagnosis/this-machine.js');
  const { diagnose } = await import('../build/diagnosis/diagnose.js');
  const sockets = new MachineSockets(namespace);
  const before = process.cpuUsage();
  const { groups } = diagnose(sockets.read(undefined, { hasOwners }));
  const { user, system } = process.cpuUsage(before);
  sockets.close();
  const counted = groups.reduce((sum, { count }) => sum + count, 0);
  const owned = groups.some(({ owner }) => owner !== null);
  if (counted < COUNT || owned !== hasOwners) throw new Error(`${counted} sockets, owners: ${owned}`);
  console.log(JSON.stringify({ ms: (user + system) / 1000, mb: process.resourceUsage().maxRSS / 1024 }));
}

async function compare() {
  const folder = mkdtempSync(join(tmpdir(), 'tcplab-bench-'));
  const program = join(folder, 'why');
  const built = spawnSync('cc', ['-O2', '-o', program, here('./why.c')], { encoding: 'utf8' });
  if (built.status !== 0) throw new Error(`cc does not build it: ${built.error ?? built.stderr}`);
  const holder = spawn(program, [`${COUNT}`], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    const lines = createInterface(holder.stdout)[Symbol.asyncIterator]();
    if ((await lines.next()).value !== 'ready') throw new Error('no sockets: this needs root');
    const namespace = `/proc/${holder.pid}/ns/net`;
    const took = { c: [], plain: [], owners: [], ss: [], ssOwners: [], mb: [] };
    for (let round = 0; round < ROUNDS; round++) {
      holder.stdin.write('\n');
      took.c.push(JSON.parse((await lines.next()).value).ms);
      for (const kind of ['plain', 'owners']) {
        const args = [here('./why.mjs'), '--look', namespace, kind];
        const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
        if (!stdout) throw new Error(stderr);
        const { ms, mb } = JSON.parse(stdout);
        took[kind].push(ms);
        if (kind === 'owners') took.mb.push(mb);
      }
      took.ss.push(ofShell(namespace, 'ss -tani'));
      took.ssOwners.push(ofShell(namespace, 'ss -tanpi'));
    }
    const c = median(took.c);
    const mb = median(took.mb);
    const times = (/** @type {number[]} */ all) => (median(all) / c).toFixed(1);
    console.info(`${COUNT} sockets: a dump in C takes ${c.toFixed(0)} ms`);
    verdict(
      median(took.plain) / c <= PLAIN,
      `without owners ${times(took.plain)} ×, target ≤ ${PLAIN}; ss -tani ${times(took.ss)} ×`,
    );
    verdict(
      median(took.owners) / c <= WITH_OWNERS,
      `with owners ${times(took.owners)} ×, target ≤ ${WITH_OWNERS}; ss -tanpi ${times(took.ssOwners)} ×`,
    );
    verdict(mb <= MEMORY, `${mb.toFixed(0)} MB, target ≤ ${MEMORY}`);
  } finally {
    holder.stdin.end();
    if (holder.exitCode === null) await once(holder, 'exit');
    rmSync(folder, { recursive: true, force: true });
  }
}

function verdict(isMet, text) {
  console.info(`${isMet ? 'met   ' : 'MISSED'}  ${text}`);
  if (!isMet) process.exitCode = 1;
}

/** Processor time of a command in a namespace, by the shell's `times`, whose second line is that of its children. */
function ofShell(namespace, command) {
  const script = `nsenter --net=${namespace} ${command} >/dev/null; times`;
  const { stdout } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
  const [user, system] = (stdout.trim().split('\n')[1] ?? '').split(' ').map((text) => {
    const [minutes, seconds] = text.split('m');
    return Number(minutes) * 60 + Number.parseFloat(seconds);
  });
  return (user + system) * 1000;
}
