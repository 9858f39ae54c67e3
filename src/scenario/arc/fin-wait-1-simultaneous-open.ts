import { seen, simultaneousOpen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

export const finWait1SimultaneousOpen: Scenario = {
  id: 'fin-wait-1-simultaneous-open',
  title: 'a client closes before its simultaneous open is complete',
  held: { host: 'client', state: 'FIN-WAIT-1' },
  peer: 'SYN-SENT',
  heldBy: 'server drops in',
  arcs: { client: [16] },
  async reach(stage) {
    const { connection, clientSocket } = await simultaneousOpen(stage);
    await seen(stage, connection, 'client', 'SYN-RECEIVED');
    await stage.client.close(clientSocket);
    return connection;
  },
};
