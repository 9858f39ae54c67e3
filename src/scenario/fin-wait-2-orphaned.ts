import { connect, ctrlC, endWatch, HALF_CLOSED, resume, serve, stopServer, watch } from './by-hand/steps.ts';
import { clients, OPEN, servers } from './crowd-steps.ts';
import { HANDSHAKE } from './explanation.ts';
import { established } from './opening.ts';
import { call } from './sabotage.ts';
import type { CatalogueScenario } from './scenario.ts';

/** An orphaned socket has no reader, so the kernel ends it after tcp_fin_timeout. */
export const finWait2Orphaned: CatalogueScenario = {
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
  explanation: {
    steps: [HANDSHAKE, 'The client closes.', 'The server does not.'],
    rules: [],
    peer: 'The server is in CLOSE-WAIT. If it sends data now, it gets an RST, because no program can read the data.',
    remark:
      'The timer of tcp_fin_timeout runs. Up to 60 s, a small structure replaces the socket, and ss calls its timer ' +
      '"timewait".',
  },
  byHand: {
    steps: [
      watch('server'),
      serve,
      connect,
      stopServer,
      ctrlC('client', 'nc', HALF_CLOSED),
      {
        on: 'client',
        look: 'netstat -tanop',
        see: { prints: ['FIN_WAIT2 - timewait ('] },
        note: 'no process, and a timer: tcp_fin_timeout, 60 s',
      },
    ],
    cleanUp: [resume, endWatch('server')],
  },
  // A FIN that is read takes none of the memory that all sockets of the machine share (tcp_mem).
  crowd: [...OPEN, clients('close'), servers('receive')],
  sabotage: {
    rules: null,
    call: call('server', 'close', 2, /^socket-table of client: saw FIN-WAIT-2, then TIME-WAIT/),
    condition: 'an orphan never gets its descriptor back',
  },
};
