import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/**
 * Six loops of tcplab at once, half of them as root and half as an ordinary user, in one PID namespace and in six, with kernel
 * events by BPF and by tracefs. Shows how many runs each made, and whatever failed. Run it as root:
 * `node bench/loops-at-once.mjs --seconds 60`
 */
const { values } = parseArgs({ options: { seconds: { type: 'string', default: '60' } } });
const LOOPS = 6;
const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const RUN = [process.execPath, main, 'run', 'fin-wait-1', 'syn-sent', 'closing', '--hold', '1ms', '--json'];
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', 'env', 'HOME=/tmp'];

/** @typedef {{ runs: number, failures: string[] }} Tally */

let failed = false;
for (const way of ['bpf', 'tracefs']) {
  for (const spaces of [1, LOOPS]) {
    const holders = await Promise.all(Array.from({ length: spaces === 1 ? 0 : spaces }, holdPidNamespace));
    const untilMs = performance.now() + Number(values.seconds) * 1000;
    const tallies = await Promise.all(
      Array.from({ length: LOOPS }, (_, index) =>
        loop(index % 2 === 0, way, holders[index]?.enter ?? [], untilMs),
      ),
    );
    for (const { end } of holders) end();
    const runs = (/** @type {number} */ parity) =>
      tallies.filter((_, index) => index % 2 === parity).reduce((sum, tally) => sum + tally.runs, 0);
    const failures = tallies.flatMap((tally) => tally.failures);
    for (const failure of failures) process.stdout.write(`${failure}\n`);
    process.stdout.write(
      `${way}, PID namespaces: ${spaces}; runs as root: ${runs(0)}, as a user: ${runs(1)}; failures: ${failures.length}\n`,
    );
    failed ||= failures.length > 0;
  }
}
process.exitCode = failed ? 1 : 0;

/**
 * @param {boolean} asRoot
 * @param {string} way
 * @param {string[]} enter
 * @param {number} untilMs
 */
async function loop(asRoot, way, enter, untilMs) {
  /** @type {Tally} */
  const tally = { runs: 0, failures: [] };
  for (; performance.now() < untilMs; tally.runs++) {
    const { status, stdout, stderr } = await run([...enter, ...(asRoot ? [] : NOBODY), ...RUN], way);
    const why = status !== 0 || stderr !== '' ? `status ${status}` : doubtIn(stdout, asRoot);
    if (why) tally.failures.push(`${way}, ${asRoot ? 'root' : 'user'}: ${why}\n${stderr}${stdout}`);
  }
  return tally;
}

/**
 * Why a run is not as it should be: root also has the third witness, of each end.
 * @param {string} stdout
 * @param {boolean} asRoot
 * @returns {string | undefined}
 */
function doubtIn(stdout, asRoot) {
  /** @type {import('../dist/report/story/run-report.js').RunReport} */
  const { results } = JSON.parse(stdout);
  const doubtful = results.find(
    ({ verdict, witnesses }) => verdict !== 'proven' || (asRoot && witnesses.kernelEvents?.agrees !== true),
  );
  return doubtful && `${doubtful.scenario} ${doubtful.verdict}: ${doubtful.because}`;
}

/**
 * @param {string[]} command
 * @param {string} way
 * @returns {Promise<{ status: number | string | null, stdout: string, stderr: string }>}
 */
function run([program = '', ...args], way) {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, TCPLAB_KERNEL_EVENTS: way };
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    child.once('error', reject);
    child.once('close', (status, signal) => resolve({ status: status ?? signal, stdout, stderr }));
  });
}

/** A PID namespace that lasts, with the command to enter it and a function to end it. */
async function holdPidNamespace() {
  const options = ['--pid', '--fork', '--kill-child', '--mount-proc'];
  const child = spawn('unshare', [...options, 'sh', '-c', 'echo; read over'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const [first = ''] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').split(' ');
  return {
    enter: ['nsenter', '--target', first, '--pid', '--mount', '--'],
    end: () => child.kill('SIGKILL'),
  };
}
