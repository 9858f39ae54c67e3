import { established, seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

export const finWait2Reset: Scenario = {
  id: 'fin-wait-2-reset',
  title: 'a client has shut down, and the server aborts',
  held: { host: 'client', state: 'CLOSED' },
  peer: 'CLOSED',
  heldBy: 'the connection was reset',
  arcs: { client: [30], server: [37] },
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage);
    await stage.client.shutdown(clientSocket);
    await seen(stage, connection, 'client', 'FIN-WAIT-2');
    await stage.server.abort(serverSocket);
    return connection;
  },
};
