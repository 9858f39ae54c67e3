import {
  connect,
  ctrlC,
  ESTABLISHED,
  endWatch,
  HALF_CLOSED,
  resume,
  serve,
  stop,
  watch,
} from './by-hand/steps.ts';
import { clients, see } from './crowd-steps.ts';
import { connecting, listening, seen } from './opening.ts';
import type { CatalogueScenario } from './scenario.ts';

/** The socket leak that no program shows: it sits in the accept queue, without inode and without process. */
export const closeWaitNeverAccepted: CatalogueScenario = {
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
  explanation: {
    steps: [
      'The server listens and never accepts.',
      'The client connects: the kernel completes the handshake without the program.',
      'The client closes.',
    ],
    rules: [],
    peer: 'The client is in FIN-WAIT-2, as if the server had a program that accepts.',
    remark:
      'The socket is in the accept queue: it has inode 0, and ss -p shows no process, even to root. It is not an ' +
      "orphan; the listener's Recv-Q counts it.",
  },
  byHand: {
    steps: [
      watch('server'),
      serve,
      stop('server', 'nc', 'nc never accepts; its kernel completes the handshake without it'),
      { ...connect, see: ESTABLISHED },
      ctrlC('client', 'nc', HALF_CLOSED),
      {
        on: 'server',
        look: 'netstat -tanp',
        see: { prints: ['CLOSE_WAIT -'] },
        note: "no process; the listener's Recv-Q counts it",
      },
    ],
    cleanUp: [resume, endWatch('server')],
  },
  crowd: [clients('connect'), see('server', 'ESTABLISHED'), clients('close')],
  sabotage: {
    rules: null,
    call: {
      what: 'the server accepts after all, and aborts',
      act: async ({ server }) => server.abort((await server.accept(1)) ?? 0),
      seen: /^socket-table of server: saw CLOSE-WAIT, then CLOSED/,
    },
    condition: { act: ({ server }) => server.accept(1), seen: /^the server has accepted the connection, / },
  },
};
