import { type HostName, otherHost } from '../evidence/events.ts';
import { Iptables } from '../kernel/iptables.ts';
import type { NetworkNamespace } from '../kernel/namespace.ts';
import { hasNftables } from '../kernel/nftables.ts';
import { ADDRESSES, LINK_ADDRESSES, SERVER_PORT } from './addresses.ts';
import { takePortBlock } from './client-ports.ts';
import { KernelWatch } from './kernel-watch.ts';
import { NamespaceHost } from './namespace-host.ts';
import { createWithOwnTable } from './own-table.ts';
import { LOG_GROUP } from './packet-watch.ts';
import { type HostPair, inBoth, type OpenPair } from './pair.ts';
import { layWire } from './wire.ts';

/** Two namespaces of this machine and a wire between them: a lab's own, and gone with it. */
export const openNamespacePair: OpenPair = async (request): Promise<HostPair> => {
  const { family, firewall, serverPort = SERVER_PORT, startNs, emit } = request;
  // Loads the library now, so that the first rule does not have to; or finds that there is no such command.
  if (firewall === 'nft') hasNftables();
  else new Iptables(family);
  const watch = await KernelWatch.acquire();
  const undo: (() => unknown)[] = [() => watch.release()];
  try {
    const namespaces = { client: createWithOwnTable(), server: createWithOwnTable() };
    undo.unshift(
      () => namespaces.client.close(),
      () => namespaces.server.close(),
    );
    const captures = await layWire(namespaces);
    const clientPorts = takePortBlock(watch.slot);
    let [lastRule, lastProgram] = [0, 0];
    const host = (name: HostName) =>
      new NamespaceHost({
        ...{ name, family, firewall, watch, clientPorts, startNs, emit },
        namespace: namespaces[name] as NetworkNamespace,
        capture: captures[name],
        logGroup: LOG_GROUP,
        address: ADDRESSES[name][family].address,
        neighbour: {
          address: ADDRESSES[otherHost(name)][family].address,
          linkAddress: LINK_ADDRESSES[otherHost(name)],
        },
        nextRule: () => ++lastRule,
        nextProgram: () => ++lastProgram,
      });
    const hosts = { client: host('client'), server: host('server') };
    return {
      ...hosts,
      about: {
        addresses: { client: hosts.client.address, server: hosts.server.address },
        noKernelEvents: watch.unavailable,
      },
      clientPorts,
      serverPort,
      latestMs: () => 0,
      dispose: async () => {
        // The kernel takes its time over either.
        await Promise.all([inBoth((name) => hosts[name].dispose()), watch.release()]);
      },
    };
  } catch (error) {
    for (const step of undo) await step();
    throw error;
  }
};
