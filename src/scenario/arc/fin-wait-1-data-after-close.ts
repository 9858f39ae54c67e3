import { deafen } from '../inside.ts';
import { established, seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

export const finWait1DataAfterClose: Scenario = {
  id: 'fin-wait-1-data-after-close',
  title: 'a client has closed, and the server still sends data',
  held: { host: 'client', state: 'CLOSED' },
  peer: 'ESTABLISHED',
  heldBy: 'server drops in',
  arcs: { client: [58] },
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage);
    await deafen(stage, 'server');
    await stage.client.close(clientSocket);
    await seen(stage, connection, 'client', 'FIN-WAIT-1');
    await stage.server.send(serverSocket, Buffer.from('late'));
    return connection;
  },
};
