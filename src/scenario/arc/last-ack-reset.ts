import { craftReset } from '../crafted-reset.ts';
import { established, seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

export const lastAckReset: Scenario = {
  id: 'last-ack-reset',
  title: 'the server closes second, its FIN is lost, and an RST ends the connection there',
  held: { host: 'server', state: 'CLOSED' },
  peer: 'FIN-WAIT-1',
  heldBy: 'the connection was reset',
  arcs: { server: [39] },
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage);
    await stage.client.setRule({ hook: 'in', sourcePort: stage.serverPort, fate: 'drop' });
    await stage.client.shutdown(clientSocket);
    await seen(stage, connection, 'server', 'CLOSE-WAIT');
    await stage.server.close(serverSocket);
    await seen(stage, connection, 'server', 'LAST-ACK');
    await craftReset(stage, connection, 'client');
    return connection;
  },
};
