import { setImmediate as turn } from 'node:timers/promises';
import { TcplabError } from '../error.ts';
import { type HostName, otherHost } from '../evidence/events.ts';
import { monotonicNs } from '../kernel/clock.ts';
import type { NetworkNamespace } from '../kernel/namespace.ts';
import { PacketCapture } from '../kernel/packet-capture.ts';
import { configureLink, createVethPair, disableOffloads, setNeighbour } from '../kernel/rtnetlink.ts';
import { ADDRESSES, INTERFACE, LINK_ADDRESSES } from './addresses.ts';

/** Joins two namespaces by a wire and gives the capture of each end, once frames pass and are stamped. */
export async function layWire(
  namespaces: Record<HostName, NetworkNamespace>,
): Promise<Record<HostName, PacketCapture>> {
  const { client, server } = namespaces;
  client.enter(() => createVethPair(INTERFACE, server.fd, LINK_ADDRESSES.client, LINK_ADDRESSES.server));
  const open = (name: HostName) =>
    namespaces[name].enter(() => {
      disableOffloads(INTERFACE);
      configureLink(INTERFACE, [ADDRESSES[name].ipv4, ADDRESSES[name].ipv6]);
      // Found by ARP it would be one of the thousand that the kernel keeps for all namespaces together
      // (arp(7), gc_thresh3): many labs would take them from the machine's own network.
      const other = otherHost(name);
      for (const family of ['ipv4', 'ipv6'] as const) {
        setNeighbour(INTERFACE, ADDRESSES[other][family].address, LINK_ADDRESSES[other]);
      }
      return new PacketCapture(INTERFACE);
    });
  const captures = { client: open('client'), server: open('server') };
  try {
    await untilReady(captures, 'client');
    await untilReady(captures, 'server');
  } catch (error) {
    await Promise.all([captures.client.close(), captures.server.close()]);
    throw error;
  }
  return captures;
}

/** It is a matter of milliseconds, but of many seconds on a machine that is busy with other things. */
const PATIENCE_NS = 30_000_000_000n;

/**
 * The kernel brings an interface up, and starts to stamp packets on arrival, some time after it was asked to: before
 * that it drops what is sent, or stamps when the packet is read. So frames are sent until one arrives well.
 */
async function untilReady(captures: Record<HostName, PacketCapture>, from: HostName): Promise<void> {
  const receiver = captures[otherHost(from)];
  const startNs = monotonicNs();
  while (monotonicNs() - startNs < PATIENCE_NS) {
    captures[from].sendProbe(LINK_ADDRESSES[otherHost(from)]);
    if (receiver.takeProbe()) return;
    await turn();
  }
  throw new TcplabError('TIMEOUT', `frames from the ${from} did not pass the wire within 30 s`);
}
