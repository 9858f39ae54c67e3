import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureImage } from './image.mjs';
import { makeLan } from './lan.mjs';
import { startMachine } from './machine.mjs';
import { ensureVirtualMachineNeeds } from './needs.mjs';
import { succeed } from './processes.mjs';
import { makeKey, writeSshConfig } from './ssh.mjs';

/** @typedef {import('./lan.mjs').Addresses} Addresses */
/** @typedef {'a' | 'b'} Name */

const NAMES = /** @type {const} */ (['a', 'b']);

/** @type {Record<Name, Addresses>} */
const ADDRESSES = {
  a: { ipv4: '192.168.5.10', ipv6: 'fd00:5::10' },
  b: { ipv4: '192.168.5.11', ipv6: 'fd00:5::11' },
};

/**
 * Two running virtual machines, `a` and `b`, and how to reach them.
 * @typedef {{
 *   sshConfig: string,
 *   addresses: Record<Name, Addresses>,
 *   enter: (command: string[]) => string[],
 *   run: (host: Name, command: string, options?: { input?: string | Uint8Array }) => Promise<string>,
 *   console: (host: Name) => string,
 *   end: () => Promise<void>,
 *   [Symbol.asyncDispose]: () => Promise<void>,
 * }} VirtualMachines
 * `sshConfig` is a file for `ssh -F`. `enter` makes of a command one that runs in the machines' LAN, the only place from
 * which they are reached. `run` gives the stdout of a shell command on a machine, and throws when it fails.
 */

/**
 * Starts them and waits until a command ran on both. They end with `end`, and with this process, whatever ends it.
 * @returns {Promise<VirtualMachines>}
 */
export async function startVirtualMachines() {
  ensureVirtualMachineNeeds();
  const image = await ensureImage();
  const folder = mkdtempSync(join(tmpdir(), 'tcplab-virtual-machines-'));
  /** @type {(() => unknown)[]} */
  const endings = [() => rmSync(folder, { recursive: true, force: true })];
  const end = async () => {
    for (const ending of endings.splice(0).reverse()) await ending();
  };
  try {
    const key = await makeKey(folder);
    const sshConfig = writeSshConfig(folder, ADDRESSES, image.hostKey);
    const lan = await makeLan([...NAMES], folder);
    endings.push(lan.end);

    const start = (/** @type {Name} */ name, /** @type {number} */ index) => {
      const identity = { name, number: 10 + index, addresses: ADDRESSES[name], key };
      const machine = startMachine(identity, image, lan);
      endings.push(machine.end);
      return machine;
    };
    const machines = { a: start('a', 0), b: start('b', 1) };
    await Promise.all([machines.a.ready, machines.b.ready]);

    /** @type {VirtualMachines['run']} */
    const run = (host, command, options) =>
      succeed(
        `virtual machine ${host}: ${command}`,
        lan.enter(['ssh', '-F', sshConfig, host, command]),
        options,
      );
    // That sshd listens is the machines' own word; here is ours.
    await Promise.all(NAMES.map((name) => run(name, 'true')));
    return {
      sshConfig,
      addresses: ADDRESSES,
      enter: lan.enter,
      run,
      console: (host) => machines[host].console(),
      end,
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}
