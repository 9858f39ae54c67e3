import { connect, ctrlC, endWatch, serve, stop, watch } from './by-hand/steps.ts';
import { clients, OPEN, see, servers } from './crowd-steps.ts';
import { HANDSHAKE } from './explanation.ts';
import { established, seen } from './opening.ts';
import type { CatalogueScenario } from './scenario.ts';

export const timeWaitFourSegments: CatalogueScenario = {
  id: 'time-wait-four-segments',
  title: 'a client closes first, and the server acknowledges that before it closes',
  held: { host: 'client', state: 'TIME-WAIT' },
  peer: 'CLOSED',
  heldBy: 'the kernel: 2 MSL, 60 s',
  conditions: [],
  ours: { server: "it must close after it has acknowledged the client's FIN" },
  arcs: { client: [29] },
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage);
    await stage.client.close(clientSocket);
    await seen(stage, connection, 'client', 'FIN-WAIT-2');
    await stage.server.close(serverSocket);
    return connection;
  },
  explanation: {
    steps: [
      HANDSHAKE,
      'The client closes, and the server acknowledges.',
      'When the client is in FIN-WAIT-2, the server closes.',
    ],
    rules: [],
    peer: 'The server has no socket any more.',
    remark: 'These are the four segments of the textbooks: FIN, ACK, FIN, ACK.',
  },
  byHand: {
    steps: [
      watch('server'),
      serve,
      connect,
      stop('server', 'nc', 'stops nc, so its kernel acknowledges the FIN alone'),
      ctrlC('client', 'nc', {
        client: ['FIN-WAIT-2'],
        server: ['LISTEN', 'CLOSE-WAIT'],
        at: { 'server/tcpdump': ['192.168.2.10.…Flags [F.]', '192.168.2.11.80…Flags [.]'] },
      }),
      {
        on: 'server',
        terminal: 'nc',
        run: 'fg',
        see: {
          client: ['TIME-WAIT'],
          server: [],
          at: { 'server/tcpdump': ['192.168.2.11.80…Flags [F.]', '192.168.2.10.…Flags [.]'] },
        },
        note: 'nc reads the end of file, and closes',
      },
    ],
    cleanUp: [endWatch('server')],
  },
  crowd: [...OPEN, clients('close'), see('client', 'FIN-WAIT-2'), servers('close')],
  sabotage: {
    rules: null,
    call: 'no program holds a socket that could change it',
    condition: null,
  },
};
