import { established, seen } from './opening.ts';
import type { Scenario } from './scenario.ts';

/** A SYN beyond the old connection's numbers ends TIME-WAIT early and opens a new one (RFC 9293, 3.10.7.4; RFC 6191). */
export const timeWaitReused: Scenario = {
  id: 'time-wait-reused',
  title: 'a client connects again from the port that the server has in TIME-WAIT',
  held: { host: 'server', state: 'ESTABLISHED' },
  peer: 'ESTABLISHED',
  heldBy: 'neither end closes',
  conditions: ['after-time-wait'],
  ours: { client: 'it must connect twice from one port', server: 'it must close first' },
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage);
    await stage.server.close(serverSocket);
    await seen(stage, connection, 'server', 'FIN-WAIT-2');
    await stage.client.close(clientSocket);
    await seen(stage, connection, 'server', 'TIME-WAIT');
    const again = await stage.client.openSocket();
    await stage.client.bind(again, connection.client);
    await stage.client.connect(again, connection.server);
    return connection;
  },
};
