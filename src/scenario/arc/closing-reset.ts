import { craftReset } from '../crafted-reset.ts';
import { established, seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

export const closingReset: Scenario = {
  id: 'closing-reset',
  title: 'both ends close, and an RST then ends the connection at the client',
  held: { host: 'client', state: 'CLOSED' },
  peer: 'FIN-WAIT-1',
  heldBy: 'the connection was reset',
  arcs: { client: [33] },
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage);
    await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate: 'drop' });
    await stage.client.shutdown(clientSocket);
    await seen(stage, connection, 'client', 'FIN-WAIT-1');
    await stage.server.shutdown(serverSocket);
    await seen(stage, connection, 'client', 'CLOSING');
    await craftReset(stage, connection, 'server');
    return connection;
  },
};
