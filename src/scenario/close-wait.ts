import { established } from './opening.ts';
import type { Scenario } from './scenario.ts';

export const closeWait: Scenario = {
  id: 'close-wait',
  title: "a client closes, and the server's program never does",
  held: { host: 'server', state: 'CLOSE-WAIT' },
  peer: 'FIN-WAIT-2',
  heldBy: 'the server never closes',
  arcs: { server: [18] },
  async reach(stage) {
    const { connection, clientSocket } = await established(stage);
    await stage.client.close(clientSocket);
    return connection;
  },
};
