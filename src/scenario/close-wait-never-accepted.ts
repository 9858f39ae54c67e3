import { connecting, listening, seen } from './opening.ts';
import type { Scenario } from './scenario.ts';

/** The socket leak that no program shows: it sits in the accept queue, without inode and without process. */
export const closeWaitNeverAccepted: Scenario = {
  id: 'close-wait-never-accepted',
  title: 'a client closes a connection that the server never accepted',
  held: { host: 'server', state: 'CLOSE-WAIT' },
  peer: 'FIN-WAIT-2',
  heldBy: 'the server never accepts',
  conditions: ['never-accepted'],
  ours: { server: 'it must not accept' },
  async reach(stage) {
    await listening(stage);
    const { connection, clientSocket } = await connecting(stage);
    await seen(stage, connection, 'server', 'ESTABLISHED');
    await stage.client.close(clientSocket);
    return connection;
  },
};
