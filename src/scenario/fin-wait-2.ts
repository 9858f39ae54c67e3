import {
  connectToShutDown,
  endWatch,
  HALF_CLOSED,
  resume,
  serve,
  shutDown,
  stopServer,
  watch,
} from './by-hand/steps.ts';
import { clients, OPEN, servers } from './crowd-steps.ts';
import { HANDSHAKE } from './explanation.ts';
import { established } from './opening.ts';
import { call } from './sabotage.ts';
import type { CatalogueScenario } from './scenario.ts';

export const finWait2: CatalogueScenario = {
  id: 'fin-wait-2',
  title: 'a client shuts down but keeps its descriptor, and the server never closes',
  held: { host: 'client', state: 'FIN-WAIT-2' },
  peer: 'CLOSE-WAIT',
  heldBy: 'the server never closes',
  conditions: ['descriptor-open'],
  arcs: { client: [24] },
  async reach(stage) {
    const { connection, clientSocket } = await established(stage);
    await stage.client.shutdown(clientSocket);
    return connection;
  },
  explanation: {
    steps: [
      HANDSHAKE,
      'The client shuts down its sending side, and keeps the descriptor.',
      'The server does not close.',
    ],
    rules: [],
    peer: 'The server is in CLOSE-WAIT. It may send data, and the client can still read it.',
    remark: 'No timer runs at either end. Compare fin-wait-2-orphaned.',
  },
  byHand: {
    steps: [
      watch('server'),
      serve,
      connectToShutDown,
      stopServer,
      { ...shutDown, see: HALF_CLOSED },
      {
        on: 'client',
        look: 'netstat -tanop',
        see: { prints: ['FIN_WAIT2 …/nc off'] },
        note: 'nc still has the descriptor, so no timer runs',
      },
    ],
    cleanUp: [resume, endWatch('server')],
  },
  // A FIN that is read takes none of the memory that all sockets of the machine share (tcp_mem).
  crowd: [...OPEN, clients('shutdown'), servers('receive')],
  sabotage: {
    rules: null,
    call: call('client', 'abort', 1, /^socket-table of client: saw FIN-WAIT-2, then CLOSED/),
    condition: { act: ({ client }) => client.close(1), seen: /^the client has no descriptor open, / },
  },
};
