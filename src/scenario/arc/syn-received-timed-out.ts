import { knock } from '../knock.ts';
import { listening, seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

/** The SYN is crafted: a client that connects would send it again, and that puts the end off. */
export const synReceivedTimedOut: Scenario = {
  id: 'syn-received-timed-out',
  title: 'the ACK of a SYN-ACK never arrives, and the server gives up',
  held: { host: 'server', state: 'LISTEN' },
  peer: 'CLOSED',
  heldBy: 'the server listens',
  arcs: { server: [15] },
  async reach(stage) {
    await stage.server.writeSysctl('net.ipv4.tcp_synack_retries', 0);
    await listening(stage);
    const rule = await stage.client.setRule({
      hook: 'out',
      destinationPort: stage.serverPort,
      flags: 'R',
      fate: 'drop',
    });
    const connection = { client: stage.nextClientEndpoint(), server: stage.serverEndpoint() };
    await knock(stage.client, connection.client, connection.server);
    await seen(stage, connection, 'server', 'SYN-RECEIVED');
    await seen(stage, connection, 'server', 'LISTEN');
    await stage.client.liftRule(rule);
    return connection;
  },
  /** A SYN-ACK for another SYN shows that nothing is left of the first handshake. */
  show: (stage, { client, server }) => knock(stage.client, client, server),
};
