import { established } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

export const establishedDestroyed: Scenario = {
  id: 'established-destroyed',
  title: "an administrator destroys the client's socket (`ss -K`)",
  held: { host: 'client', state: 'CLOSED' },
  peer: 'CLOSED',
  heldBy: 'the socket was destroyed',
  arcs: { client: [23] },
  async reach(stage) {
    const { connection } = await established(stage);
    await stage.client.destroySocket(connection.client, connection.server);
    return connection;
  },
};
