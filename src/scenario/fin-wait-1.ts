import { established } from './opening.ts';
import type { Scenario } from './scenario.ts';

export const finWait1: Scenario = {
  id: 'fin-wait-1',
  title: 'a client closes, and its FINs never reach the server',
  held: { host: 'client', state: 'FIN-WAIT-1' },
  peer: 'ESTABLISHED',
  heldBy: 'server drops in',
  arcs: { client: [17] },
  async reach(stage) {
    const { connection, clientSocket } = await established(stage);
    await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate: 'drop' });
    await stage.client.close(clientSocket);
    return connection;
  },
};
