import { endOf } from '../evidence/connection.ts';
import { rowOf } from '../evidence/witness/socket-table.ts';
import { established } from './opening.ts';
import type { Scenario } from './scenario.ts';

/** The peer takes no more: the client asks now and then whether it does (RFC 9293, 3.8.6.1), on its persist timer. */
export const zeroWindow: Scenario = {
  id: 'zero-window',
  title: 'a server does not read, its window is 0, and the client sends window probes',
  held: { host: 'client', state: 'ESTABLISHED' },
  peer: 'ESTABLISHED',
  heldBy: 'the server never reads',
  conditions: ['persist-timer'],
  waits: true,
  async reach(stage) {
    const { connection, clientSocket } = await established(stage, { receiveBuffer: 4096 });
    const data = Buffer.alloc(16_384);
    const end = endOf(connection, 'client', 'ESTABLISHED');
    await stage.waitFor('the client to probe a zero window', async () => {
      await stage.client.send(clientSocket, data);
      return rowOf((await stage.observe()).client, end)?.timer === 'probe';
    });
    return connection;
  },
};
