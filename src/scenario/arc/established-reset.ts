import { established } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

export const establishedReset: Scenario = {
  id: 'established-reset',
  title: 'a server aborts, and its RST ends the connection at the client too',
  held: { host: 'client', state: 'CLOSED' },
  peer: 'CLOSED',
  heldBy: 'the connection was reset',
  arcs: { client: [19], server: [20] },
  async reach(stage) {
    const { connection, serverSocket } = await established(stage);
    await stage.server.abort(serverSocket);
    return connection;
  },
};
