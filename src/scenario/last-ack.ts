import { established, gone } from './opening.ts';
import type { Scenario } from './scenario.ts';

export const lastAck: Scenario = {
  id: 'last-ack',
  title: 'the server closes after the client, and its FINs never reach the client',
  held: { host: 'server', state: 'LAST-ACK' },
  peer: 'FIN-WAIT-1',
  heldBy: 'client drops in',
  arcs: { server: [35] },
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage);
    await stage.client.setRule({ hook: 'in', sourcePort: stage.serverPort, fate: 'drop' });
    await stage.client.close(clientSocket);
    await gone(stage, connection, 'server', 'ESTABLISHED');
    await stage.server.close(serverSocket);
    return connection;
  },
};
