import { type HostName, otherHost } from '../evidence/events.ts';
import { AsyncDisposableStack } from '../kernel/disposable-stack.ts';
import { Iptables } from '../kernel/iptables.ts';
import { hasNftables } from '../kernel/nftables.ts';
import { ADDRESSES, LINK_ADDRESSES, SERVER_PORT } from './addresses.ts';
import { portBlockAt, takePortBlock } from './client-ports.ts';
import { KernelWatch } from './kernel-watch.ts';
import { NamespaceHost } from './namespace-host.ts';
import { createWithOwnTable } from './own-table.ts';
import { LOG_GROUP } from './packet-watch.ts';
import { type HostPair, inBoth, type OpenPair } from './pair.ts';
import { layWire } from './wire.ts';

/** Two namespaces of this machine and a veth pair between them, which exist only as long as their lab. */
export const openNamespacePair: OpenPair = async (request): Promise<HostPair> => {
  const { family, firewall, serverPort = SERVER_PORT, clientPort, watched, startNs, emit } = request;
  // Loads the library now, so that the first rule does not have to; or finds that there is no such command.
  if (firewall === 'nft') hasNftables();
  else new Iptables(family);
  await using undo = new AsyncDisposableStack();
  const watch = await KernelWatch.acquire();
  const create = () => {
    const namespace = createWithOwnTable();
    undo.defer(() => namespace.close());
    return namespace;
  };
  const namespaces = { client: create(), server: create() };
  const captures = await layWire(namespaces);
  undo.defer(() => inBoth((name) => captures[name].close()));
  const clientPorts = clientPort === undefined ? takePortBlock(watch.slot) : portBlockAt(clientPort);
  let [lastRule, lastProgram] = [0, 0];
  const opened: NamespaceHost[] = [];
  const readPackets = () => {
    watch.read();
    for (const host of opened) host.takePackets();
  };
  const open = (name: HostName) => {
    const host = new NamespaceHost({
      ...{ name, family, firewall, watched, watch, clientPorts, startNs, readPackets, emit },
      namespace: namespaces[name],
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
    undo.defer(() => host.dispose());
    opened.push(host);
    return host;
  };
  const hosts = { client: open('client'), server: open('server') };
  undo.move();
  return {
    ...hosts,
    about: {
      addresses: { client: hosts.client.address, server: hosts.server.address },
      ...watch.about,
    },
    clientPorts,
    serverPort,
    latestMs: () => 0,
    // Side by side, because each may wait for its programs.
    dispose: () => inBoth((name) => hosts[name].dispose()),
  };
};
