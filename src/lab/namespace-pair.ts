import { type HostName, otherHost } from '../evidence/events.ts';
import { AsyncDisposableStack } from '../kernel/disposable-stack.ts';
import { Iptables } from '../kernel/iptables.ts';
import type { NetworkNamespace } from '../kernel/namespace.ts';
import { hasNftables } from '../kernel/nftables.ts';
import type { PacketCapture } from '../kernel/packet-capture.ts';
import { SERVER_PORT, WIRE, type WireEnd } from './addresses.ts';
import { portBlockAt, takePortBlock } from './client-ports.ts';
import { KernelWatch } from './kernel-watch.ts';
import type { Leg } from './leg.ts';
import { NamespaceHost } from './namespace-host.ts';
import { createWithOwnTable } from './own-table.ts';
import { LOG_GROUP } from './packet-watch.ts';
import { type HostPair, inBoth, type OpenPair, type PairRequest } from './pair.ts';
import { layWire } from './wire.ts';

/** Two namespaces and the wire between them. The hosts that are opened in them close them. */
export interface LaidPair {
  namespaces: Record<HostName, NetworkNamespace>;
  ends: Record<HostName, WireEnd>;
  captures: Record<HostName, PacketCapture>;
  /** Of a host that another lab has as well. */
  legs?: Partial<Record<HostName, { leg: Leg; logGroup: number }>>;
}

/** Two namespaces of this machine and a veth pair between them, which exist only as long as their lab. */
export const openNamespacePair: OpenPair = async (request): Promise<HostPair> => {
  await using undo = new AsyncDisposableStack();
  const create = () => {
    const namespace = createWithOwnTable();
    undo.defer(() => namespace.close());
    return namespace;
  };
  const namespaces = { client: create(), server: create() };
  const captures = await layWire(namespaces);
  undo.defer(() => inBoth((name) => captures[name].close()));
  const pair = await openLaidPair(request, { namespaces, ends: WIRE, captures });
  undo.move();
  return pair;
};

export async function openLaidPair(
  request: PairRequest,
  { namespaces, ends, captures, legs = {} }: LaidPair,
): Promise<HostPair> {
  const { family, firewall, serverPort = SERVER_PORT, clientPort, watched, startNs, emit } = request;
  // Loads the library now, so that the first rule does not have to; or finds that there is no such command.
  if (firewall === 'nft') hasNftables();
  else new Iptables(family);
  await using undo = new AsyncDisposableStack();
  const watch = await KernelWatch.acquire();
  const clientPorts = clientPort === undefined ? takePortBlock(watch.slot) : portBlockAt(clientPort);
  let [lastRule, lastProgram] = [0, 0];
  const opened: NamespaceHost[] = [];
  const readPackets = () => {
    watch.read();
    for (const host of opened) host.takePackets();
  };
  const open = (name: HostName) => {
    const other = ends[otherHost(name)];
    const host = new NamespaceHost({
      ...{ name, family, firewall, watched, watch, clientPorts, startNs, readPackets, emit },
      namespace: namespaces[name],
      capture: captures[name],
      logGroup: LOG_GROUP,
      address: ends[name].addresses[family].address,
      neighbour: { address: other.addresses[family].address, linkAddress: other.linkAddress },
      ...legs[name],
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
}
