import { craftReset } from '../crafted-reset.ts';
import { established, seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

export const closeWaitReset: Scenario = {
  id: 'close-wait-reset',
  title: 'a client has shut down, and an RST then ends the connection at the server',
  held: { host: 'server', state: 'CLOSED' },
  peer: 'FIN-WAIT-2',
  heldBy: 'the connection was reset',
  arcs: { server: [36] },
  async reach(stage) {
    const { connection, clientSocket } = await established(stage);
    await stage.client.shutdown(clientSocket);
    await seen(stage, connection, 'client', 'FIN-WAIT-2');
    await seen(stage, connection, 'server', 'CLOSE-WAIT');
    await craftReset(stage, connection, 'client');
    return connection;
  },
};
