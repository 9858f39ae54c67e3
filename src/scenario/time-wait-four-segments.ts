import { established, seen } from './opening.ts';
import type { Scenario } from './scenario.ts';

export const timeWaitFourSegments: Scenario = {
  id: 'time-wait-four-segments',
  title: 'a client closes first, and the server acknowledges that before it closes',
  held: { host: 'client', state: 'TIME-WAIT' },
  peer: 'CLOSED',
  heldBy: 'the kernel: 2 MSL, 60 s',
  ours: { server: "it must close after it has acknowledged the client's FIN" },
  arcs: { client: [29] },
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage);
    await stage.client.close(clientSocket);
    await seen(stage, connection, 'client', 'FIN-WAIT-2');
    await stage.server.close(serverSocket);
    return connection;
  },
};
