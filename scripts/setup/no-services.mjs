import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';

/** Debian's maintainer scripts ask it, by invoke-rc.d(8) and deb-systemd-invoke(1), before they start a service. */
const POLICY = '/usr/sbin/policy-rc.d';
/** Where systemd's units are that start by themselves, in folders such as multi-user.target.wants. */
const UNITS = '/etc/systemd/system';

/**
 * Does work (synchronously) during which Debian's packages start no service. A policy that is there already is somebody's
 * own, and stays as it is.
 * @template T
 * @param {() => T} work
 * @param {string} [policy] where the policy is asked for
 * @returns {T}
 */
export function withoutServices(work, policy = POLICY) {
  try {
    writeFileSync(policy, policyOf(process.pid), { mode: 0o755, flag: 'wx' });
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EEXIST') return work();
    throw error;
  }
  try {
    return work();
  } finally {
    rmSync(policy, { force: true });
  }
}

/**
 * Nothing runs in a process that was killed: so the policy itself forbids only as long as the process lives that made it,
 * known by its number and its start (field 22 of proc_pid_stat(5)), and else goes away. 101: forbidden.
 * @param {number} pid
 */
function policyOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return `#!/bin/sh
# Made by the set-up of tcplab's tests: what it installs is not to be started. It lasts as long as process ${pid}.
[ "$(sed 's/.*) //' /proc/${pid}/stat 2>/dev/null | cut -d ' ' -f 20)" = ${start} ] && exit 101
rm -f "$0"
exit 0
`;
}

/** What starts with the machine, and which packages there are. */
export function startsAndPackages() {
  return { units: unitsThatStart(), packages: installedPackages() };
}

/**
 * A package also has its services start with the machine from now on. What came in since then, asked for or with another,
 * does not.
 * @param {ReturnType<typeof startsAndPackages>} before
 */
export function keepFromStarting(before) {
  const fresh = [...installedPackages()].filter((name) => !before.packages.has(name));
  if (fresh.length === 0) return;
  const files = dpkgQuery('-L', ...fresh).filter((path) => path.includes('/systemd/system/'));
  const theirs = new Set(files.map((path) => basename(path)));
  const units = [...unitsThatStart()].filter((unit) => theirs.has(unit) && !before.units.has(unit));
  if (units.length > 0) spawnSync('systemctl', ['disable', ...units], { stdio: 'ignore' });
}

function unitsThatStart() {
  try {
    const names = readdirSync(UNITS, { recursive: true, encoding: 'utf8' });
    return new Set(names.filter((name) => /\.wants\/[^/]+$/.test(name)).map((name) => basename(name)));
  } catch {
    // This machine is not systemd's.
    return new Set();
  }
}

function installedPackages() {
  const lines = dpkgQuery('-W', '-f', `\${db:Status-Status} \${binary:Package}\n`);
  return new Set(lines.flatMap((line) => (line.startsWith('installed ') ? [line.slice(10)] : [])));
}

/** @param {string[]} args */
function dpkgQuery(...args) {
  const { stdout } = spawnSync('dpkg-query', args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
  return (stdout ?? '').split('\n');
}
