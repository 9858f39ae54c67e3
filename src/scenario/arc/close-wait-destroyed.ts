import { serverInCloseWait } from '../inside.ts';
import type { Scenario } from '../scenario.ts';

export const closeWaitDestroyed: Scenario = {
  id: 'close-wait-destroyed',
  title: "an administrator destroys the server's socket, which the client has closed",
  held: { host: 'server', state: 'CLOSED' },
  peer: 'CLOSED',
  heldBy: 'the socket was destroyed',
  arcs: { server: [71] },
  async reach(stage) {
    const { connection } = await serverInCloseWait(stage);
    await stage.server.destroySocket(connection.server, connection.client);
    return connection;
  },
};
