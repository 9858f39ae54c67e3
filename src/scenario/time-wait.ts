import { established, seen } from './opening.ts';
import type { Scenario } from './scenario.ts';

export const timeWait: Scenario = {
  id: 'time-wait',
  title: 'a client closes, the server closes at once: FIN and ACK in one segment',
  held: { host: 'client', state: 'TIME-WAIT' },
  peer: 'CLOSED',
  heldBy: 'the kernel: 2 MSL, 60 s',
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage);
    await stage.client.close(clientSocket);
    await seen(stage, connection, 'server', 'CLOSE-WAIT');
    await stage.server.close(serverSocket);
    return connection;
  },
};
