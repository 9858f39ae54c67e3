import { deafen, serverInSynReceived } from '../inside.ts';
import { knock } from '../knock.ts';
import { seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

export const synReceivedDestroyed: Scenario = {
  id: 'syn-received-destroyed',
  title: "an administrator destroys the server's pending handshake, and the server still listens",
  held: { host: 'server', state: 'LISTEN' },
  peer: 'CLOSED',
  heldBy: 'the server listens',
  arcs: { server: [52] },
  async reach(stage) {
    const rule = await deafen(stage, 'client');
    const connection = await serverInSynReceived(stage);
    await stage.server.destroySocket(connection.server, connection.client);
    await seen(stage, connection, 'server', 'LISTEN');
    // What the client's kernel replies to the next SYN-ACK leaves the server in LISTEN.
    await stage.client.liftRule(rule);
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.client, client, server),
};
