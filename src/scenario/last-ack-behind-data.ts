import { endOf } from '../evidence/connection.ts';
import { fillWindow } from './fill-window.ts';
import { established, seen } from './opening.ts';
import type { Scenario } from './scenario.ts';

/** The FIN of the end that closes second has its place after the data too. */
export const lastAckBehindData: Scenario = {
  id: 'last-ack-behind-data',
  title: 'the server closes behind data for which the client has no window, so it sends no FIN',
  held: { host: 'server', state: 'LAST-ACK' },
  peer: 'FIN-WAIT-2',
  heldBy: 'the client never reads',
  conditions: ['fin-unsent', 'orphaned'],
  ours: { client: 'it must shut down and not read' },
  waits: true,
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage, {}, { SO_RCVBUF: 4096 });
    await stage.client.shutdown(clientSocket);
    await seen(stage, connection, 'server', 'CLOSE-WAIT');
    await fillWindow(stage, endOf(connection, 'server', 'CLOSE-WAIT'), serverSocket);
    await stage.server.close(serverSocket);
    return connection;
  },
};
