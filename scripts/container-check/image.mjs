import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { SetupError, say } from '../setup/say.mjs';
import { SUITE, sourcesHere } from '../virtual-machines/mirror.mjs';

/**
 * A root file system that the Containerfile's own steps made, and what the Containerfile says of starting it.
 * @typedef {{ root: string, user: string, entryPoint: string[] }} Image
 */

/**
 * Carries out the steps of the Containerfile without a container engine: FROM is a debootstrapped Debian with this machine's
 * Node, RUN is chroot(1), COPY is cp(1). About three minutes; the Debian is kept in the user's cache.
 * @param {string} repository
 * @param {string} folder a temporary one, for the stages
 * @returns {Promise<Image>}
 */
export async function buildImage(repository, folder) {
  const base = await baseRoot();
  /** @type {Map<string, string>} */
  const stages = new Map();
  let [root, workFolder, user] = ['', '/', 'root'];
  /** @type {string[]} */
  let entryPoint = [];
  for (const [instruction = '', rest = ''] of instructionsOf(join(repository, 'Containerfile'))) {
    const words = rest.split(/\s+/);
    if (instruction === 'FROM') {
      root = join(folder, words[2] ?? 'image');
      stages.set(words[2] ?? 'image', root);
      run('cp', ['-a', base, root]);
      [workFolder, user] = ['/', 'root'];
    } else if (instruction === 'WORKDIR') {
      workFolder = rest;
      mkdirSync(join(root, rest), { recursive: true });
    } else if (instruction === 'RUN') {
      say(`tcplab: RUN ${rest.slice(0, 60)}`);
      inRoot(root, workFolder, rest);
    } else if (instruction === 'COPY' && words[0]?.startsWith('--from=')) {
      const [from = '', to = ''] = words.slice(1);
      mkdirSync(to.endsWith('/') ? join(root, to) : dirname(join(root, to)), { recursive: true });
      run('cp', ['-a', join(stages.get(words[0].slice('--from='.length)) ?? '', from), join(root, to)]);
    } else if (instruction === 'COPY' && rest === '. .') {
      const files = contextOf(repository).join('\0');
      run(
        'sh',
        ['-c', `tar c --null -T - | tar x --no-same-owner -C '${join(root, workFolder)}'`],
        repository,
        files,
      );
    } else if (instruction === 'USER') {
      user = rest;
    } else if (instruction === 'ENTRYPOINT') {
      entryPoint = JSON.parse(rest);
    } else if (instruction !== 'CMD') {
      throw new SetupError(`the Containerfile has an instruction that this script lacks: ${instruction}`);
    }
  }
  return { root, user, entryPoint };
}

/** @param {string} path */
function instructionsOf(path) {
  const text = readFileSync(path, 'utf8')
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, ' ');
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => [line.split(' ', 1)[0], line.slice(line.indexOf(' ') + 1).trim()]);
}

/**
 * The files that .dockerignore lets through, of those that git has or would add.
 * @param {string} repository
 */
function contextOf(repository) {
  const lines = readFileSync(join(repository, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  const taken = lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  const left = lines.filter((line) => !/^[!*]/.test(line));
  const isIn = (/** @type {string} */ file) => (/** @type {string} */ path) =>
    file === path || file.startsWith(`${path}/`);
  const files = run('git', ['ls-files', '-co', '--exclude-standard'], repository).split('\n');
  return files.filter(
    (file) =>
      taken.some(isIn(file)) &&
      !left.some(isIn(file)) &&
      !file.endsWith('.test.ts') &&
      existsSync(join(repository, file)),
  );
}

/** What `FROM node:…-bookworm-slim` stands for here. */
async function baseRoot() {
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'tcplab-container-check');
  const base = join(cache, `${SUITE}-node-${process.version}`);
  if (existsSync(base)) return base;
  say(`tcplab: making a Debian in ${cache} with debootstrap; that takes about two minutes, once`);
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  const building = join(cache, `building-${process.pid}`);
  try {
    const [, mirror = ''] =
      (await sourcesHere())
        .split('\n')
        .find((line) => line.includes(` ${SUITE} `))
        ?.split(' ') ?? [];
    run('debootstrap', [
      '--variant=minbase',
      '--include=ca-certificates,libstdc++6',
      SUITE,
      building,
      mirror,
    ]);
    run('cp', [process.execPath, join(building, 'usr/local/bin/node')]);
    const npm = dirname(dirname(run('readlink', ['-f', run('which', ['npm']).trim()]).trim()));
    mkdirSync(join(building, 'usr/local/lib/node_modules'), { recursive: true });
    run('cp', ['-a', npm, join(building, 'usr/local/lib/node_modules/npm')]);
    run('ln', ['-s', '../lib/node_modules/npm/bin/npm-cli.js', join(building, 'usr/local/bin/npm')]);
    run('chroot', [building, 'useradd', '--create-home', '--uid', '1000', 'node']);
    renameSync(building, base);
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
  return base;
}

/**
 * Runs a shell command in a root file system, with the machine's network. Its mounts end with it.
 * @param {string} root
 * @param {string} folder
 * @param {string} command
 */
function inRoot(root, folder, command) {
  // The machine's own way to the mirror and the registry, with the authorities that it trusts, and npm's cache.
  const bind = ['/etc/resolv.conf', '/etc/ssl/certs'].map((path) => `mount --bind ${path} "$1${path}"`);
  const cache = run('npm', ['config', 'get', 'cache']).trim();
  mkdirSync(cache, { recursive: true });
  mkdirSync(join(root, 'root/.npm'), { recursive: true });
  bind.push(`mount --bind '${cache}' "$1/root/.npm"`);
  const mounts = ['mount -t proc proc "$1/proc"', 'mount --rbind /dev "$1/dev"', ...bind].join(' && ');
  const start = `touch "$1/etc/resolv.conf" && ${mounts} && exec chroot "$1" sh -c 'cd "$1" && eval "$2"' sh "$2" "$3"`;
  const registry = run('npm', ['config', 'get', 'registry']).trim();
  const env = {
    ...process.env,
    DEBIAN_FRONTEND: 'noninteractive',
    HOME: '/root',
    npm_config_registry: registry,
  };
  const args = ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', start, 'sh', root, folder, command];
  const { status, stderr, stdout } = spawnSync('setpriv', [...DIES_WITH_US.slice(1), 'unshare', ...args], {
    env,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (status !== 0)
    throw new SetupError(`RUN failed with status ${status}:\n${stdout}${stderr}`.slice(-3000));
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {string} [cwd]
 * @param {string} [input]
 */
function run(program, args, cwd, input) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    ...(cwd === undefined ? {} : { cwd }),
    ...(input === undefined ? {} : { input }),
  });
  if (status === 0) return stdout;
  throw new SetupError(`${program} failed: ${error?.message ?? `${stdout}${stderr}`.slice(-2000)}`);
}
