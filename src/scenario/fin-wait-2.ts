import { established } from './opening.ts';
import type { Scenario } from './scenario.ts';

export const finWait2: Scenario = {
  id: 'fin-wait-2',
  title: 'a client shuts down but keeps its descriptor, and the server never closes',
  held: { host: 'client', state: 'FIN-WAIT-2' },
  peer: 'CLOSE-WAIT',
  heldBy: 'the server never closes',
  conditions: ['descriptor-open'],
  arcs: { client: [24] },
  async reach(stage) {
    const { connection, clientSocket } = await established(stage);
    await stage.client.shutdown(clientSocket);
    return connection;
  },
};
