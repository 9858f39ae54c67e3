import { connect, ctrlC, endWatch, HALF_CLOSED, resume, serve, stopServer, watch } from './by-hand/steps.ts';
import { clients, OPEN, servers } from './crowd-steps.ts';
import { HANDSHAKE } from './explanation.ts';
import { established } from './opening.ts';
import { call } from './sabotage.ts';
import type { CatalogueScenario } from './scenario.ts';

export const closeWait: CatalogueScenario = {
  id: 'close-wait',
  title: "a client closes, and the server's program never does",
  held: { host: 'server', state: 'CLOSE-WAIT' },
  peer: 'FIN-WAIT-2',
  heldBy: 'the server never closes',
  conditions: [],
  arcs: { server: [18] },
  async reach(stage) {
    const { connection, clientSocket } = await established(stage);
    await stage.client.close(clientSocket);
    return connection;
  },
  explanation: {
    steps: [HANDSHAKE, 'The client closes.', "The server's program never calls close()."],
    rules: [],
    peer: 'The client is an orphan in FIN-WAIT-2, which its kernel removes after tcp_fin_timeout. The server stays in CLOSE-WAIT.',
    remark:
      "The server's kernel answers the FIN with a plain ACK. Its own FIN follows when its program closes.",
  },
  byHand: {
    steps: [
      watch('server'),
      serve,
      connect,
      stopServer,
      ctrlC('client', 'nc', {
        ...HALF_CLOSED,
        at: { 'server/tcpdump': ['192.168.2.10.…Flags [F.]', '192.168.2.11.80…Flags [.]'] },
      }),
      { on: 'server', look: 'netstat -tanp', see: { prints: ['CLOSE_WAIT …/nc'] } },
    ],
    cleanUp: [resume, endWatch('server')],
  },
  // A FIN that is read takes none of the memory that all sockets of the machine share (tcp_mem).
  crowd: [...OPEN, clients('close'), servers('receive')],
  sabotage: {
    rules: null,
    call: call('server', 'close', 2, /^socket-table of server: saw CLOSE-WAIT, then (LAST-ACK|CLOSED)/),
    condition: null,
  },
};
