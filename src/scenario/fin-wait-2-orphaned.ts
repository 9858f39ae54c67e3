import { established } from './opening.ts';
import type { Scenario } from './scenario.ts';

/** Without a descriptor nobody waits for the peer's data, and the kernel ends it after tcp_fin_timeout. */
export const finWait2Orphaned: Scenario = {
  id: 'fin-wait-2-orphaned',
  title: "a client closes, the server never does, and the kernel's timer runs",
  held: { host: 'client', state: 'FIN-WAIT-2' },
  peer: 'CLOSE-WAIT',
  heldBy: 'the server never closes',
  conditions: ['orphaned'],
  async reach(stage) {
    const { connection, clientSocket } = await established(stage);
    await stage.client.close(clientSocket);
    return connection;
  },
};
