import { synFrom } from '../crafted.ts';
import { seen, simultaneousOpen } from '../opening.ts';
import type { ArcScenario } from '../scenario.ts';
import { deafen, pendingRequest } from './start.ts';

export const ICMP: readonly ArcScenario[] = [
  {
    id: 'syn-received-icmp',
    title: "an ICMP error replies to a server's SYN-ACK, and the server drops the handshake",
    held: { host: 'server', state: 'LISTEN' },
    peer: 'CLOSED',
    heldBy: 'the server listens',
    arcs: { server: [51] },
    withheld: { host: 'client', call: 'liftRule', withinMs: 1800 },
    async reach(stage) {
      const rule = await deafen(stage, 'client');
      const connection = await pendingRequest(stage);
      await stage.client.liftRule(rule);
      // IPv4 and IPv6 differ in what ends a handshake (tcp_ipv4.c, tcp_v4_err; net/ipv6/icmp.c, icmpv6_err_convert).
      const isIpv6 = connection.client.address.includes(':');
      const fate = isIpv6 ? 'reject with port unreachable' : 'reject with host unreachable';
      const reject = await stage.client.setRule({ hook: 'in', sourcePort: stage.serverPort, fate });
      await seen(stage, connection, 'server', 'LISTEN');
      await stage.client.liftRule(reject);
      return connection;
    },
    show: synFrom('client'),
  },
  {
    id: 'syn-received-simultaneous-open-icmp',
    title: 'an ICMP error ends a simultaneous open',
    held: { host: 'client', state: 'CLOSED' },
    peer: 'SYN-SENT',
    heldBy: 'server rejects in',
    arcs: { client: [53] },
    withheld: { host: 'server', call: 'liftRule', withinMs: 1800 },
    async reach(stage) {
      const { connection, rule } = await simultaneousOpen(stage);
      await seen(stage, connection, 'client', 'SYN-RECEIVED');
      await stage.server.liftRule(rule);
      // It replies to the SYN-ACK that the client retransmits after a second.
      const fate = 'reject with port unreachable';
      await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate });
      await seen(stage, connection, 'client', 'CLOSED');
      return connection;
    },
    show: synFrom('server'),
  },
];
