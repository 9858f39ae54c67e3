import { setImmediate as turn } from 'node:timers/promises';
import { TcplabError } from '../error.ts';
import { type HostName, otherHost } from '../evidence/events.ts';
import { monotonicNs } from '../kernel/clock.ts';
import { AsyncDisposableStack } from '../kernel/disposable-stack.ts';
import type { NetworkNamespace } from '../kernel/namespace.ts';
import { PacketCapture } from '../kernel/packet-capture.ts';
import { configureLink, createVethPair, disableOffloads } from '../kernel/rtnetlink.ts';
import { WIRE, type WireEnd } from './addresses.ts';

/** Joins two namespaces by a veth pair. Returns the capture of each end, once frames pass and have timestamps. */
export async function layWire(
  namespaces: Record<HostName, NetworkNamespace>,
  ends: Record<HostName, WireEnd> = WIRE,
): Promise<Record<HostName, PacketCapture>> {
  await using undo = new AsyncDisposableStack();
  const { client, server } = namespaces;
  client.enter(() => createVethPair(ends.client, server.fd, ends.server));
  const open = (name: HostName) =>
    namespaces[name].enter(() => {
      const { interface: link, addresses: own } = ends[name];
      disableOffloads(link);
      const { addresses, reaches: other = addresses, linkAddress } = ends[otherHost(name)];
      // A neighbor found by ARP would count toward the 1024 that the kernel keeps for all namespaces together
      // (arp(7), gc_thresh3): many labs would take them from the machine's own network.
      const neighbours = [other.ipv4, other.ipv6].map(({ address }) => ({ address, linkAddress }));
      configureLink(link, [own.ipv4, own.ipv6], neighbours);
      const capture = new PacketCapture(link);
      undo.defer(() => capture.close());
      return capture;
    });
  const captures = { client: open('client'), server: open('server') };
  await untilReady(captures, ends, 'client');
  await untilReady(captures, ends, 'server');
  undo.move();
  return captures;
}

/** Usually a few milliseconds, but many seconds on a busy machine. */
const PATIENCE_NS = 30_000_000_000n;

/**
 * The kernel activates an interface, and starts to timestamp packets on arrival, in work queues: until then it drops packets,
 * or timestamps them when they are read. So frames are sent until one arrives with a timestamp of its own.
 */
async function untilReady(
  captures: Record<HostName, PacketCapture>,
  ends: Record<HostName, WireEnd>,
  from: HostName,
): Promise<void> {
  const receiver = captures[otherHost(from)];
  const startNs = monotonicNs();
  while (monotonicNs() - startNs < PATIENCE_NS) {
    captures[from].sendProbe(ends[otherHost(from)].linkAddress);
    if (receiver.takeProbe()) return;
    await turn();
  }
  throw new TcplabError('TIMEOUT', `no frame from the ${from} arrived over the veth pair within 30 s`);
}
