import { established, seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

export const finWait1Reset: Scenario = {
  id: 'fin-wait-1-reset',
  title: "a client's FIN is lost, and the server aborts",
  held: { host: 'client', state: 'CLOSED' },
  peer: 'CLOSED',
  heldBy: 'the connection was reset',
  arcs: { client: [27] },
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage);
    await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate: 'drop' });
    await stage.client.shutdown(clientSocket);
    await seen(stage, connection, 'client', 'FIN-WAIT-1');
    await stage.server.abort(serverSocket);
    return connection;
  },
};
