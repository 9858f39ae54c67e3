import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SetupError, say } from '../setup/say.mjs';
import { reachedHow, SUITE, sourcesHere } from './mirror.mjs';
import { DIES_WITH_US, succeed } from './processes.mjs';

/**
 * What all virtual machines start from, and none of them changes.
 * @typedef {{ kernel: string, initrd: string, disk: string, hostKey: string }} Image paths of its files
 */

/** Files that are laid into the root file system as they are. */
const overlay = fileURLToPath(new URL('image', import.meta.url));

/** Checkouts of different versions may take turns, each with an image of its own. */
const KEPT_MS = 7 * 24 * 3_600_000;

const PACKAGES = [
  'linux-image-cloud-amd64',
  'openssh-server',
  'nftables',
  'iptables',
  'iproute2',
  'iputils-ping',
  'kmod',
  'mount',
  'procps',
  // Node needs it.
  'libstdc++6',
];

/**
 * The image, built when it is not there: that takes some minutes, and the next start finds it.
 * @returns {Promise<Image>}
 */
export async function ensureImage() {
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'tcplab-virtual-machines');
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  const folder = join(cache, fingerprint());
  if (!existsSync(folder)) {
    say(`tcplab: building the virtual machines' disk in ${cache}; that takes some minutes, once`);
    removeOld(cache);
    const building = join(cache, `building-${process.pid}`);
    try {
      mkdirSync(building);
      await build(building);
      giveName(building, folder);
    } finally {
      rmSync(building, { recursive: true, force: true });
    }
  }
  // Says when it was used last.
  utimesSync(folder, new Date(), new Date());
  const file = (/** @type {string} */ name) => join(folder, name);
  return {
    kernel: file('vmlinuz'),
    initrd: file('initrd'),
    disk: file('disk'),
    hostKey: file('host-key.pub'),
  };
}

/** Changes with all that the image is made of, but for newer versions of Debian's packages. */
function fingerprint() {
  const hash = createHash('sha256').update(`${process.version} ${statSync(process.execPath).size}`);
  for (const path of [fileURLToPath(import.meta.url), ...filesIn(overlay)]) {
    hash.update(path.slice(overlay.length)).update(readFileSync(path));
  }
  return hash.digest('hex').slice(0, 16);
}

/** @param {string} folder */
function filesIn(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/**
 * Removes what killed builds have left, and the images of other versions that nobody has used for long.
 * @param {string} cache
 */
function removeOld(cache) {
  for (const name of readdirSync(cache)) {
    const [path, pid] = [join(cache, name), /^building-(\d+)$/.exec(name)?.[1]];
    const isOld = pid ? !existsSync(`/proc/${pid}`) : statSync(path).mtimeMs < Date.now() - KEPT_MS;
    if (isOld) rmSync(path, { recursive: true, force: true });
  }
}

/**
 * An image has its name when it is whole, and not before.
 * @param {string} building
 * @param {string} folder
 */
function giveName(building, folder) {
  try {
    renameSync(building, folder);
  } catch (error) {
    // Somebody else has built the same meanwhile.
    if (!existsSync(folder)) throw error;
  }
}

/** @param {string} folder */
async function build(folder) {
  const root = join(folder, 'root');
  await bootstrap(root, folder);

  copyFileSync(process.execPath, join(root, 'usr/bin/node'));
  // mmdebstrap copies them from this machine, and the virtual ones have no such network.
  for (const name of ['resolv.conf', 'hostname']) rmSync(join(root, 'etc', name), { force: true });
  for (const [from, to] of [
    ['vmlinuz', 'vmlinuz'],
    ['initrd.img', 'initrd'],
  ]) {
    const names = readdirSync(join(root, 'boot')).filter((name) => name.startsWith(`${from}-`));
    if (names.length !== 1) throw new SetupError(`Debian's kernel package left ${names.length} × ${from}`);
    renameSync(join(root, 'boot', `${names[0]}`), join(folder, `${to}`));
  }
  copyFileSync(join(root, 'etc/ssh/ssh_host_ed25519_key.pub'), join(folder, 'host-key.pub'));

  // No journal, as nobody ever writes to this file: what a machine writes is its own and goes with it.
  const options = ['-q', '-t', 'ext4', '-O', '^has_journal', '-d', root];
  await succeed('making a disk', [...DIES_WITH_US, 'mke2fs', ...options, join(folder, 'disk'), '1G']);
  rmSync(root, { recursive: true });
}

/**
 * @param {string} root
 * @param {string} folder for what it takes
 */
async function bootstrap(root, folder) {
  const sources = join(folder, 'sources.list');
  writeFileSync(sources, await sourcesHere());
  const nobodyReads = ['doc', 'man', 'locale', 'info'].map(
    (name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`,
  );
  const command = [
    'mmdebstrap',
    '--quiet',
    '--mode=root',
    '--variant=essential',
    '--keyring=/usr/share/keyrings/debian-archive-keyring.gpg',
    `--include=${PACKAGES.join(',')}`,
    ...nobodyReads,
    ...(await reachedHow()).map((line) => `--aptopt=${line}`),
    // Before the kernel is installed, for that makes the initrd.
    '--essential-hook=cp -r --no-preserve=ownership "$TCPLAB_OVERLAY/." "$1"',
    SUITE,
    root,
    sources,
  ];
  // In a mount namespace of its own: whatever ends this, nothing of the root file system is left mounted on the machine.
  await succeed(
    "making a root file system of Debian's packages",
    [...DIES_WITH_US, 'unshare', '--mount', '--', ...command],
    { env: { ...process.env, TCPLAB_OVERLAY: overlay } },
  );
}
