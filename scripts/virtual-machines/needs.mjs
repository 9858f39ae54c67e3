import { SetupError } from '../setup/say.mjs';
import { ensureSystemPackages } from '../setup/system.mjs';

/** @typedef {import('../setup/needs.mjs').Need} Need */

/**
 * What building and starting the virtual machines needs. The image is made of Debian's packages by way of this
 * machine's apt, so it is Debian (or a child of it) that can build one.
 * @type {Need[]}
 */
const virtualMachineNeeds = [
  tool('qemu-system-x86_64', 'runs the virtual machines', 'qemu-system-x86'),
  tool('mmdebstrap', "makes their root file system of Debian's packages", 'mmdebstrap'),
  tool('mke2fs', 'makes their disk', 'e2fsprogs'),
  tool('ip', 'joins them by a virtual LAN', 'iproute2'),
  tool('ssh', 'reaches them', 'openssh-client'),
  tool('ssh-keygen', 'makes the key that lets in', 'openssh-client'),
  tool('setpriv', 'ends them when their starter is killed', 'util-linux'),
  tool('nsenter', 'goes to their LAN', 'util-linux'),
];

/** Says at once, and in one sentence, why this machine can't. */
export function ensureVirtualMachineNeeds() {
  if (process.arch !== 'x64') {
    throw new SetupError(`the virtual machines are x86-64 and get this Node, which is for ${process.arch}`);
  }
  if (process.getuid?.() !== 0) throw new SetupError('building and starting virtual machines needs root');
  ensureSystemPackages(virtualMachineNeeds);
}

/**
 * @param {string} command
 * @param {string} why
 * @param {string} name of the package; elsewhere than on Debian the image can't be built anyway
 * @returns {Need}
 */
function tool(command, why, name) {
  return { command, why, packages: { apt: name, dnf: name, apk: name, pacman: name } };
}
