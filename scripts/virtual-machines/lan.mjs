import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { SetupError } from '../setup/say.mjs';

/** @typedef {{ ipv4: string, ipv6: string }} Addresses */

/** Length of the LAN's prefixes. */
export const PREFIX = { ipv4: 24, ipv6: 64 };

/** This side's own addresses: those of the bridge. */
const OURS = { ipv4: '192.168.5.1', ipv6: 'fd00:5::1' };

/** Makes the LAN, and keeps it until stdin closes, which happens at the latest when the starter exits. */
const KEEPER = `
set -e
trap 'rm -rf -- "$1"' EXIT
ip link set lo up
ip link add lan type bridge forward_delay 0 mcast_snooping 0
ip link set lan up
ip address add ${OURS.ipv4}/${PREFIX.ipv4} dev lan
ip address add ${OURS.ipv6}/${PREFIX.ipv6} dev lan nodad
folder=$1
shift
for name; do
  ip tuntap add dev "$name" mode tap
  ip link set dev "$name" master lan up
done
set -- "$folder"
echo ready
cat
`;

/**
 * A network namespace of its own with a bridge, and at it a tap for each machine. No route leads out of it.
 * @typedef {{
 *   enter: (command: string[]) => string[],
 *   end: () => Promise<void>,
 * }} Lan
 *
 * @param {string[]} names of the machines, and so of the taps
 * @param {string} folder that is removed when the LAN ends, whatever ends it
 * @returns {Promise<Lan>}
 */
export async function makeLan(names, folder) {
  if (!existsSync('/dev/net/tun')) {
    throw new SetupError('there is no /dev/net/tun, which joins virtual machines to a network: modprobe tun');
  }
  // A session of its own (detached): a terminal's Ctrl-C is for what is run in the LAN, not for the LAN.
  const keeper = spawn('unshare', ['--net', '--', 'sh', '-c', KEEPER, 'sh', folder, ...names], {
    detached: true,
    stdio: 'pipe',
  });
  const ended = once(keeper, 'exit');
  let complaint = '';
  keeper.stderr.setEncoding('utf8').on('data', (text) => {
    complaint += text;
  });
  keeper.stdin.on('error', () => {});
  const isReady = await Promise.race([once(keeper.stdout, 'data').then(() => true), ended.then(() => false)]);
  if (!isReady) throw new SetupError(`the virtual LAN could not be made: ${complaint.trim()}`);
  return {
    enter: (command) => ['nsenter', `--net=/proc/${keeper.pid}/ns/net`, '--', ...command],
    end: async () => {
      keeper.stdin.end();
      await ended;
    },
  };
}
