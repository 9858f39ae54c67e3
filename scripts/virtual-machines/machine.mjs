import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { SetupError, say } from '../setup/say.mjs';
import { PREFIX } from './lan.mjs';
import { DIES_WITH_US } from './processes.mjs';

/** @typedef {import('./image.mjs').Image} Image */
/** @typedef {import('./lan.mjs').Addresses} Addresses */
/** @typedef {import('./lan.mjs').Lan} Lan */

/** Without acceleration and beside other work a boot takes some 20 s; after this time something is wrong. */
const BOOT_LIMIT_MS = 5 * 60_000;
const MEMORY_MIB = 1024;

/**
 * Starts one virtual machine, which is ready when its sshd listens.
 * @param {{ name: string, number: number, addresses: Addresses, key: string }} identity key: who may come in, in Base64
 * @param {Image} image
 * @param {Lan} lan
 * @returns {{ ready: Promise<void>, console: () => string, end: () => Promise<void> }}
 */
export function startMachine({ name, number, addresses, key }, image, lan) {
  const kernelArguments = [
    'root=/dev/vda rw init=/usr/sbin/tcplab-init console=ttyS0 quiet',
    // A panic ends qemu (with -no-reboot) rather than to stand there.
    'panic=-1',
    // eth0, as there is but one; and half a second of self-tests of cryptography less.
    'net.ifnames=0 cryptomgr.notests',
    `tcplab.name=${name} tcplab.key=${key}`,
    `tcplab.ipv4=${addresses.ipv4}/${PREFIX.ipv4} tcplab.ipv6=${addresses.ipv6}/${PREFIX.ipv6}`,
  ];
  const qemu = [
    ...['qemu-system-x86_64', '-name', name],
    // Always in software, so that it is the same everywhere.
    ...['-machine', 'q35', '-accel', 'tcg', '-cpu', 'max', '-smp', '1', '-m', `${MEMORY_MIB}`],
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-serial', 'stdio'],
    ...['-kernel', image.kernel, '-initrd', image.initrd, '-append', kernelArguments.join(' ')],
    // What it writes goes to a file without a name.
    ...['-drive', `file=${image.disk},format=raw,if=virtio,snapshot=on`],
    ...['-netdev', `tap,id=lan,ifname=${name},script=no,downscript=no`],
    ...['-device', `virtio-net-pci,netdev=lan,romfile=,mac=52:54:00:00:05:${hexOctet(number)}`],
  ];
  const [program = '', ...args] = [...DIES_WITH_US, ...lan.enter(qemu)];
  const child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });

  const ended = once(child, 'close');
  let [isUp, isEnding] = [false, false];
  /** @type {string[]} */
  const lines = [];
  /** @type {Promise<void>} */
  const listens = new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on('line', (line) => {
        lines.push(line);
        if (!line.includes('tcplab: sshd listens')) return;
        isUp = true;
        resolve();
      });
    }
  });
  // A program that uses the machine would only see that it does not reply.
  ended.then(() => {
    if (isUp && !isEnding)
      say(`tcplab: ${withConsole(`virtual machine ${name} has ended by itself`, lines)}`);
  });
  const notUp = (/** @type {string} */ why) =>
    new SetupError(withConsole(`virtual machine ${name} did not come up: ${why}`, lines));
  return {
    ready: withinLimit(
      Promise.race([
        listens,
        ended.then(([status, signal]) => {
          throw notUp(`qemu ended (${signal ?? `status ${status}`})`);
        }),
      ]),
      () => notUp(`no sshd after ${BOOT_LIMIT_MS / 1000} s`),
    ),
    console: () => lines.join('\n'),
    end: async () => {
      isEnding = true;
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/**
 * @param {Promise<void>} promise
 * @param {() => Error} tooLate
 * @returns {Promise<void>}
 */
function withinLimit(promise, tooLate) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(tooLate()), BOOT_LIMIT_MS);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/**
 * @param {string} what
 * @param {string[]} lines of its console
 */
function withConsole(what, lines) {
  return [`${what}. Its console:`, ...lines.slice(-20)].join('\n  ');
}

/** @param {number} number */
function hexOctet(number) {
  return number.toString(16).padStart(2, '0');
}
