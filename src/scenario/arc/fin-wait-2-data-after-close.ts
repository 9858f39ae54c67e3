import { established, seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

export const finWait2DataAfterClose: Scenario = {
  id: 'fin-wait-2-data-after-close',
  title: 'a client has closed, and the server still sends data after its ACK',
  held: { host: 'client', state: 'CLOSED' },
  peer: 'CLOSED',
  heldBy: 'the connection was reset',
  arcs: { client: [62] },
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage);
    await stage.client.close(clientSocket);
    await seen(stage, connection, 'client', 'FIN-WAIT-2');
    await stage.server.send(serverSocket, Buffer.from('late'));
    return connection;
  },
};
