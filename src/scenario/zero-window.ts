import { endOf } from '../evidence/connection.ts';
import { fillWindow } from './fill-window.ts';
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
    await fillWindow(stage, endOf(connection, 'client', 'ESTABLISHED'), clientSocket);
    return connection;
  },
};
