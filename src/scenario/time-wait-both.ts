import { established, seen } from './opening.ts';
import type { Scenario } from './scenario.ts';

/** As `closing`, until the rule is lifted: the client's FIN, sent again, acknowledges the server's. */
export const timeWaitBoth: Scenario = {
  id: 'time-wait-both',
  title: 'both ends close at the same time, and in the end hear each other',
  held: { host: 'client', state: 'TIME-WAIT' },
  peer: 'TIME-WAIT',
  heldBy: 'the kernel: 2 MSL, 60 s',
  ours: { server: 'it must close without having heard of the client’s FIN' },
  arcs: { client: [32], server: [26] },
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage);
    const rule = await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate: 'drop' });
    await stage.client.shutdown(clientSocket);
    await seen(stage, connection, 'client', 'FIN-WAIT-1');
    await stage.server.close(serverSocket);
    await seen(stage, connection, 'client', 'CLOSING');
    await stage.server.liftRule(rule);
    return connection;
  },
};
