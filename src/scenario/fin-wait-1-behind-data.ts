import { endOf } from '../evidence/connection.ts';
import { fillWindow } from './fill-window.ts';
import { established } from './opening.ts';
import type { Scenario } from './scenario.ts';

/** close() enters FIN-WAIT-1 at once, but the FIN has its place after the data (tcp.c, tcp_send_fin). */
export const finWait1BehindData: Scenario = {
  id: 'fin-wait-1-behind-data',
  title: 'a client closes behind data for which the server has no window, so it sends no FIN',
  held: { host: 'client', state: 'FIN-WAIT-1' },
  peer: 'ESTABLISHED',
  heldBy: 'the server never reads',
  conditions: ['fin-unsent', 'orphaned'],
  ours: { server: 'it must not read' },
  waits: true,
  async reach(stage) {
    const { connection, clientSocket } = await established(stage, { receiveBuffer: 4096 });
    await fillWindow(stage, endOf(connection, 'client', 'ESTABLISHED'), clientSocket);
    await stage.client.close(clientSocket);
    return connection;
  },
};
