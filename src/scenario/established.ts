import { connect, ctrlC, endWatch, serve, watch } from './by-hand/steps.ts';
import { clients, OPEN, send, servers } from './crowd-steps.ts';
import { HANDSHAKE } from './explanation.ts';
import { established as open } from './opening.ts';
import { call } from './sabotage.ts';
import type { CatalogueScenario } from './scenario.ts';

export const established: CatalogueScenario = {
  id: 'established',
  title: 'a handshake, then data in both directions',
  held: { host: 'client', state: 'ESTABLISHED' },
  peer: 'ESTABLISHED',
  heldBy: 'neither end closes',
  conditions: [],
  arcs: { client: [6], server: [12] },
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await open(stage);
    if (stage.hasPrograms) return connection;
    await stage.client.send(clientSocket, Buffer.from('ping'));
    await stage.waitFor({ failure: 'the server did not receive the data' }, () =>
      stage.server.receive(serverSocket),
    );
    await stage.server.send(serverSocket, Buffer.from('pong'));
    await stage.waitFor({ failure: 'the client did not receive the data' }, () =>
      stage.client.receive(clientSocket),
    );
    return connection;
  },
  explanation: {
    steps: [HANDSHAKE, 'Both ends send data.', 'Neither end closes.'],
    rules: [],
    peer: 'The client is ESTABLISHED too.',
    remark: 'No timer runs. Without data and without keepalive this state has no timeout.',
  },
  byHand: {
    steps: [
      watch('server'),
      serve,
      connect,
      { on: 'client', terminal: 'nc', type: 'hello', see: { at: { 'server/nc': ['hello'] } } },
      {
        on: 'server',
        terminal: 'nc',
        type: 'good day',
        see: {
          client: ['ESTABLISHED'],
          server: ['LISTEN', 'ESTABLISHED'],
          at: { 'client/nc': ['good day'], 'server/tcpdump': ['Flags [P.]…length 9', 'Flags [.]…length 0'] },
        },
      },
    ],
    cleanUp: [
      ctrlC('client', 'nc', { client: ['TIME-WAIT'], server: [] }, "the server's nc exits too"),
      endWatch('server'),
    ],
  },
  crowd: [...OPEN, send('client', 'ping'), servers('receive'), send('server', 'pong'), clients('receive')],
  sabotage: {
    rules: null,
    call: call('client', 'close', 1, /^socket-table of client: saw ESTABLISHED, then FIN-WAIT-[12]/),
    condition: null,
  },
};
