import { spawnSync } from 'node:child_process';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { keepFromStarting, startsAndPackages, withoutServices } from './no-services.mjs';
import { SetupError, say } from './say.mjs';

/** @typedef {import('./needs.mjs').Need} Need */
/** @typedef {typeof thisMachine} Machine the system as set-up sees it */

/**
 * Installs the missing packages when root, and otherwise says which command would.
 * @param {Need[]} needs
 * @param {Partial<Machine>} [overrides] what to take for true instead, to try what happens then
 */
export function ensureSystemPackages(needs, overrides) {
  const machine = { ...thisMachine, ...overrides };
  const missing = missingNeeds(needs, machine);
  if (missing.length === 0) return;

  const manager = managers.find(({ program }) => machine.findCommand(program));
  if (!manager) {
    throw new SetupError(`this machine lacks, and no known package manager can bring:\n${describe(missing)}`);
  }
  const packages = [...new Set(missing.map((need) => need.packages[manager.name]))];
  const commands = manager.commands(packages);
  if (!machine.isRoot) {
    const asRoot = commands.map((command) => `sudo ${command.join(' ')}`).join(' && ');
    throw new SetupError(`this machine lacks:\n${describe(missing)}\nInstall it with:\n  ${asRoot}`);
  }

  const reasons = missing.map((need) => `${nameOf(need)}: ${need.why}`).join('; ');
  say(`tcplab: installing ${packages.join(', ')} with ${manager.program} (${reasons})`);
  const install = () => machine.run(commands.map((command) => manager.patiently?.(command) ?? command));
  const { succeeded, output } = manager.startsServices ? machine.withoutServices(install) : install();
  if (!succeeded) throw new SetupError(`${manager.program} failed:\n${output}`);

  const still = missingNeeds(missing, machine);
  if (still.length > 0) {
    throw new SetupError(`${packages.join(', ')} came in, yet this machine still lacks:\n${describe(still)}`);
  }
}

/**
 * Looks for the things themselves and not for packages: where they came from does not matter.
 * @param {Need[]} needs
 * @param {Machine} machine
 */
function missingNeeds(needs, machine) {
  return needs.filter(({ library, command, flavour }) => {
    if (library) return !machine.hasLibrary(library);
    const path = machine.findCommand(command ?? '');
    return !path || (flavour && !flavour.test(ask(path, '-h')));
  });
}

const thisMachine = {
  isRoot: process.getuid?.() === 0,
  hasLibrary,
  findCommand,
  run: runAll,
  withoutServices: /** @type {typeof withoutAnyService} */ (withoutAnyService),
};

/**
 * A server that a test wants is the test's to start: on somebody's machine it starts neither now nor with the machine.
 * @template T
 * @param {() => T} install
 * @returns {T}
 */
function withoutAnyService(install) {
  const before = startsAndPackages();
  try {
    return withoutServices(install);
  } finally {
    keepFromStarting(before);
  }
}

/** The first one installed is used. */
const managers = [
  {
    name: /** @type {const} */ ('apt'),
    program: 'apt-get',
    // Only apt starts the services that it installs.
    startsServices: true,
    commands: (/** @type {string[]} */ packages) => [
      ['apt-get', 'update'],
      ['apt-get', 'install', '-y', '--no-install-recommends', ...packages],
    ],
    // A machine that has just started is often still installing its upgrades.
    patiently: (/** @type {string[]} */ [program = '', ...rest]) => [
      program,
      '-o',
      'DPkg::Lock::Timeout=120',
      ...rest,
    ],
  },
  {
    name: /** @type {const} */ ('dnf'),
    program: 'dnf',
    commands: (/** @type {string[]} */ packages) => [['dnf', 'install', '-y', ...packages]],
  },
  {
    name: /** @type {const} */ ('apk'),
    program: 'apk',
    commands: (/** @type {string[]} */ packages) => [['apk', 'add', '--no-cache', ...packages]],
  },
  {
    name: /** @type {const} */ ('pacman'),
    program: 'pacman',
    commands: (/** @type {string[]} */ packages) => [
      ['pacman', '-Sy', '--needed', '--noconfirm', ...packages],
    ],
  },
];

/** @param {string} library */
function hasLibrary(library) {
  const folders = ['/usr/lib', '/usr/lib64', '/lib', '/lib64', '/usr/local/lib', `/usr/lib/${multiarch()}`];
  if (folders.some((folder) => existsSync(join(folder, library)))) return true;
  // Asked last, as it is a process more.
  const ldconfig = findCommand('ldconfig');
  return ldconfig !== undefined && ask(ldconfig, '-p').includes(`\t${library} `);
}

/** Debian's name for this machine's libraries. */
function multiarch() {
  /** @type {Partial<Record<NodeJS.Architecture, string>>} */
  const names = { x64: 'x86_64', arm64: 'aarch64', ppc64: 'powerpc64le' };
  return process.arch === 'arm' ? 'arm-linux-gnueabihf' : `${names[process.arch] ?? process.arch}-linux-gnu`;
}

/**
 * @param {string} command
 * @returns {string | undefined} its path
 */
function findCommand(command) {
  for (const folder of environmentWithSbin().PATH.split(delimiter)) {
    const path = join(folder, command);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/**
 * @param {string} command
 * @param {string} option
 */
function ask(command, option) {
  const { stdout, stderr } = spawnSync(command, [option], { encoding: 'utf8', timeout: 5000 });
  return `${stdout}${stderr}`;
}

/** An ordinary user's PATH often lacks the folders that nft and iptables are in. Gives the environment with them. */
export function environmentWithSbin() {
  return {
    ...process.env,
    PATH: `${process.env['PATH'] ?? '/usr/bin:/bin'}${delimiter}/usr/sbin${delimiter}/sbin`,
  };
}

/**
 * Runs them all and goes by the last: an index that could not be refreshed may still do.
 * @param {string[][]} commands
 */
function runAll(commands) {
  const folder = mkdtempSync(join(tmpdir(), 'tcplab-setup-'));
  // One file for both streams keeps their order.
  const log = openSync(join(folder, 'log'), 'w');
  try {
    let succeeded = false;
    for (const [program = '', ...args] of commands) {
      const env = { ...environmentWithSbin(), DEBIAN_FRONTEND: 'noninteractive' };
      succeeded = spawnSync(program, args, { env, stdio: ['ignore', log, log] }).status === 0;
    }
    return { succeeded, output: readFileSync(join(folder, 'log'), 'utf8').trimEnd() };
  } finally {
    closeSync(log);
    rmSync(folder, { recursive: true });
  }
}

/** @param {Need} need */
function nameOf({ library, command, flavour }) {
  return library ?? (flavour ? `${command} (OpenBSD's)` : `${command}`);
}

/** @param {Need[]} needs */
function describe(needs) {
  return needs.map((need) => `  ${nameOf(need)}: ${need.why}`).join('\n');
}
