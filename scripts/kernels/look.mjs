import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { release, version } from 'node:os';
import { fileURLToPath } from 'node:url';
import { SetupError, say } from '../setup/say.mjs';
import { DIES_WITH_US } from '../virtual-machines/processes.mjs';

/**
 * Where the hosts are, and how to run commands on them.
 * @typedef {{
 *   name: string,
 *   hosts: string[],
 *   tcplab: (args: string[]) => string[],
 *   shell: (script: string) => Promise<string>,
 *   env: NodeJS.ProcessEnv,
 *   uname: () => Promise<string>,
 * }} Place
 * `hosts`: options of tcplab. `shell` gives the stdout of a script. `uname`: release and version in a line.
 *
 * @typedef {{ agrees: boolean | null }} Witness
 * @typedef {{
 *   scenario: string, state: string, host: 'client' | 'server', verdict: string, because: string | null,
 *   witnesses: Record<string, Witness>, notes: string[], transitions: Record<'client' | 'server', string[]>,
 *   segments: { atMs: number, host: string, flags: string | null }[],
 * }} Result
 * @typedef {{
 *   number: number, from: string, to: string, trigger: string, verdict: string, because: string | null, seenBy: string[],
 * }} Arc
 * @typedef {{
 *   kernel: string,
 *   runs: { what: string, results: Result[] }[],
 *   again: Result[],
 *   arcs: { arcs: Arc[], unexplained: { scenario: string, host: string, from: string, to: string }[],
 *     particularities: Record<string, number> },
 *   long: Result[],
 *   sysctls: Map<string, string>,
 *   tracepoints: Map<string, string>,
 * }} Kernel
 * `again`: the first run, once more. `long`: scenarios held for long enough to see timers. `tracepoints`: the fields of each.
 */

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

const RUNS = [
  { what: 'IPv4', options: [] },
  { what: 'IPv6', options: ['--ipv6'] },
  { what: 'iptables', options: ['--firewall', 'iptables'] },
];

/** In a namespace of its own, where every sysctl has its default; a tracefs of its own, as the machine may have mounted none. */
const LOOK = `
for file in /proc/sys/net/ipv4/tcp_*; do printf 'sysctl %s %s\\n' "\${file##*/}" "$(cat "$file" 2>/dev/null | tr '\\t' ' ')"; done
mount -t tracefs none /mnt || exit
for event in /mnt/events/tcp/*/format /mnt/events/sock/*/format; do
  name=\${event#/mnt/events/}
  fields=$(sed -n 's/.*field:[^;]*[ *]\\([a-z_0-9]*\\)\\(\\[[^;]*\\)\\{0,1\\};.*/\\1/p' "$event" | grep -v '^common_' | tr '\\n' ' ')
  printf 'tracepoint %s %s\\n' "\${name%/format}" "$fields"
done
`;

/** @returns {Place} */
export function here() {
  return {
    name: 'this machine',
    hosts: [],
    tcplab: (args) => [process.execPath, MAIN, ...args],
    shell: (script) => outputOf(['unshare', '--net', '--mount', 'sh', '-c', script], process.env),
    env: process.env,
    uname: async () => `${release()} ${version()}`,
  };
}

/**
 * @param {import('../virtual-machines/start.mjs').VirtualMachines} machines
 * @returns {Place}
 */
export function onMachines({ enter, run, sshConfig }) {
  return {
    name: 'the virtual machines',
    hosts: ['--client', 'ssh:a', '--server', 'ssh:b', '--allow-sysctl'],
    tcplab: (args) => [...DIES_WITH_US, ...enter([process.execPath, MAIN, ...args])],
    shell: (script) => run('a', 'unshare --net --mount sh -s', { input: script }),
    env: { ...process.env, TCPLAB_SSH: `ssh -F '${sshConfig}'` },
    uname: () => run('a', 'uname -rv'),
  };
}

/**
 * @param {Place} place
 * @returns {Promise<Kernel>}
 */
export async function lookAt(place) {
  const ask = async (/** @type {string[]} */ command, /** @type {string[]} */ ...more) => {
    const args = [...command, ...more, ...place.hosts, '--json'];
    say(`${place.name}: tcplab ${[...command, ...more].join(' ')}`);
    return JSON.parse(await outputOf(place.tcplab(args), place.env));
  };
  const runs = [];
  for (const { what, options } of RUNS) {
    runs.push({ what, results: (await ask(['run'], ...options)).results });
  }
  const again = (await ask(['run'])).results;
  const arcs = await ask(['arcs'], '--slow');
  const long = (await ask(['run'], 'syn-sent', 'syn-received', 'fin-wait-1', '--hold', '8s')).results;
  const lines = (await place.shell(LOOK)).split('\n');
  return {
    kernel: plainVersion(await place.uname()),
    runs,
    again,
    arcs,
    long,
    sysctls: valuesOf(lines, 'sysctl'),
    tracepoints: valuesOf(lines, 'tracepoint'),
  };
}

/**
 * Debian's release names a series, and its version string the exact version. The builder of another kernel is
 * left out.
 * @param {string} uname
 */
function plainVersion(uname) {
  return /Debian (\d+\.\d+\.\d+)/.exec(uname)?.[1] ?? /^\d+(\.\d+)*/.exec(uname)?.[0] ?? 'unknown';
}

/**
 * @param {string[]} lines
 * @param {string} kind
 */
function valuesOf(lines, kind) {
  const found = lines.flatMap((line) => {
    const [, name, value = ''] = new RegExp(`^${kind} (\\S+) ?(.*)$`).exec(line) ?? [];
    return name ? [/** @type {const} */ ([name, value.trim()])] : [];
  });
  if (found.length === 0) throw new SetupError(`no ${kind} could be read`);
  return new Map(found);
}

/**
 * The stdout of a command that exits with 0, or with 1: the report then includes the failures.
 * @param {string[]} command
 * @param {NodeJS.ProcessEnv} env
 */
async function outputOf([program = '', ...args], env) {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  const [status] = await once(child, 'close');
  if (status !== 0 && status !== 1)
    throw new SetupError(`${[program, ...args].join(' ')} ended with ${status}`);
  return output;
}
