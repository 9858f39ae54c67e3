import { deafen, serverInSynReceived } from '../inside.ts';
import { knock } from '../knock.ts';
import { seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

export const synReceivedIcmp: Scenario = {
  id: 'syn-received-icmp',
  title: "an ICMP error replies to a server's SYN-ACK, and the server drops the handshake",
  held: { host: 'server', state: 'LISTEN' },
  peer: 'CLOSED',
  heldBy: 'the server listens',
  arcs: { server: [51] },
  async reach(stage) {
    const rule = await deafen(stage, 'client');
    const connection = await serverInSynReceived(stage);
    await stage.client.liftRule(rule);
    // IPv4 and IPv6 differ in what ends a handshake (tcp_ipv4.c, tcp_v4_err; net/ipv6/icmp.c, icmpv6_err_convert).
    const isIpv6 = connection.client.address.includes(':');
    const fate = isIpv6 ? 'reject with port unreachable' : 'reject with host unreachable';
    const reject = await stage.client.setRule({ hook: 'in', sourcePort: stage.serverPort, fate });
    await seen(stage, connection, 'server', 'LISTEN');
    await stage.client.liftRule(reject);
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.client, client, server),
};
