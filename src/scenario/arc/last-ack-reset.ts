import { SERVER_PORT } from '../../lab/addresses.ts';
import { established, seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

export const lastAckReset: Scenario = {
  id: 'last-ack-reset',
  title: 'the server closes second, its FIN is lost, and the client aborts',
  held: { host: 'server', state: 'CLOSED' },
  peer: 'CLOSED',
  heldBy: 'the connection was reset',
  arcs: { server: [39] },
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage);
    await stage.client.setRule({ hook: 'in', sourcePort: SERVER_PORT, fate: 'drop' });
    await stage.client.shutdown(clientSocket);
    await seen(stage, connection, 'server', 'CLOSE-WAIT');
    await stage.server.close(serverSocket);
    await seen(stage, connection, 'server', 'LAST-ACK');
    await stage.client.abort(clientSocket);
    return connection;
  },
};
