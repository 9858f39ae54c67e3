import { serverInLastAck } from '../inside.ts';
import { knock } from '../knock.ts';
import type { Scenario } from '../scenario.ts';

export const lastAckDestroyed: Scenario = {
  id: 'last-ack-destroyed',
  title: 'the server shuts down second, and an administrator destroys its socket',
  held: { host: 'server', state: 'CLOSED' },
  peer: 'FIN-WAIT-1',
  heldBy: 'the socket was destroyed',
  arcs: { server: [76] },
  async reach(stage) {
    const { connection } = await serverInLastAck(stage);
    await stage.server.destroySocket(connection.server, connection.client);
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.client, client, server),
};
