import { established } from './opening.ts';
import type { Scenario } from './scenario.ts';

/** RFC 9293, 3.5.1: one end is gone without the other's knowledge, as after a crash or a pulled cable. */
export const halfOpen: Scenario = {
  id: 'half-open',
  title: 'a client vanishes, and the server receives nothing',
  held: { host: 'server', state: 'ESTABLISHED' },
  peer: 'CLOSED',
  heldBy: 'server drops in and out',
  ours: { client: 'it must vanish without closing' },
  async reach(stage) {
    const { connection, clientSocket } = await established(stage);
    await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate: 'drop' });
    await stage.server.setRule({ hook: 'out', sourcePort: stage.serverPort, fate: 'drop' });
    await stage.client.abort(clientSocket);
    return connection;
  },
};
