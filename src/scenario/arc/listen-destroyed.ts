import { knock } from '../knock.ts';
import { listening, seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

export const listenDestroyed: Scenario = {
  id: 'listen-destroyed',
  title: "an administrator destroys the server's listening socket (`ss -K`)",
  held: { host: 'server', state: 'CLOSED' },
  peer: 'CLOSED',
  heldBy: 'the socket was destroyed',
  arcs: { server: [46] },
  async reach(stage) {
    const connection = { client: stage.nextClientEndpoint(), server: stage.serverEndpoint() };
    await listening(stage);
    await seen(stage, connection, 'server', 'LISTEN');
    const { address } = connection.server;
    const nobody = { address: address.includes(':') ? '::' : '0.0.0.0', port: 0 };
    await stage.server.destroySocket(connection.server, nobody);
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.client, client, server),
};
