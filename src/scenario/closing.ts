import { established, seen } from './opening.ts';
import type { Scenario } from './scenario.ts';

/** The FINs cross because the client's is lost: the server's then can't acknowledge it. */
export const closing: Scenario = {
  id: 'closing',
  title: 'both ends close at the same time, and only the client receives the other FIN',
  held: { host: 'client', state: 'CLOSING' },
  peer: 'FIN-WAIT-1',
  heldBy: 'server drops in',
  ours: { server: "it must close before it receives the client's FIN" },
  arcs: { client: [25] },
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage);
    await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate: 'drop' });
    await stage.client.shutdown(clientSocket);
    await seen(stage, connection, 'client', 'FIN-WAIT-1');
    await stage.server.close(serverSocket);
    return connection;
  },
};
