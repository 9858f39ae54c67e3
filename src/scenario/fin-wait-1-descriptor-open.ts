import { established } from './opening.ts';
import type { Scenario } from './scenario.ts';

/** While a descriptor is open tcp_retries2 rules the FIN's retransmissions, not tcp_orphan_retries. */
export const finWait1DescriptorOpen: Scenario = {
  id: 'fin-wait-1-descriptor-open',
  title: 'a client shuts down, keeps its descriptor, and its FINs never reach the server',
  held: { host: 'client', state: 'FIN-WAIT-1' },
  peer: 'ESTABLISHED',
  heldBy: 'server drops in',
  conditions: ['descriptor-open'],
  ours: { client: 'it must shut down and not close' },
  async reach(stage) {
    const { connection, clientSocket } = await established(stage);
    await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate: 'drop' });
    await stage.client.shutdown(clientSocket);
    return connection;
  },
};
