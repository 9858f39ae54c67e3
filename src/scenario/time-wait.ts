import { connect, ctrlC, endWatch, serve, watch } from './by-hand/steps.ts';
import { clients, OPEN, servers } from './crowd-steps.ts';
import { HANDSHAKE } from './explanation.ts';
import { established } from './opening.ts';
import type { CatalogueScenario } from './scenario.ts';

export const timeWait: CatalogueScenario = {
  id: 'time-wait',
  title: 'a client closes first, and the server closes at once',
  held: { host: 'client', state: 'TIME-WAIT' },
  peer: 'CLOSED',
  heldBy: 'the kernel: 2 MSL, 60 s',
  conditions: [],
  arcs: { server: [38] },
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage);
    // The server's ACK waits for something to go with: its FIN, so that the close takes three segments.
    await stage.server.setOption(serverSocket, 'TCP_QUICKACK', 0);
    await stage.client.close(clientSocket);
    await stage.waitFor({ failure: "the server did not read the end of the client's data" }, () =>
      stage.server.receive(serverSocket),
    );
    await stage.server.close(serverSocket);
    return connection;
  },
  explanation: {
    steps: [
      HANDSHAKE,
      'The client closes.',
      "The server closes at once. Its FIN also acknowledges the client's FIN.",
    ],
    rules: [],
    peer: 'The server has no socket any more: the end that closes second has no TIME-WAIT.',
    remark: 'Three segments close the connection instead of four, because the ACK was still delayed.',
  },
  byHand: {
    steps: [
      watch('server'),
      serve,
      connect,
      {
        on: 'client',
        terminal: 'nc',
        type: 'hello',
        see: { at: { 'server/nc': ['hello'] } },
        note: 'after data has arrived, the server may delay its ACKs by 40 ms',
      },
      ctrlC(
        'client',
        'nc',
        {
          client: ['TIME-WAIT'],
          server: [],
          at: {
            'server/tcpdump': [
              '192.168.2.10.…Flags [F.]',
              '192.168.2.11.80…Flags [F.]',
              '192.168.2.10.…Flags [.]',
            ],
          },
        },
        "the server's nc closes at once, and its FIN carries the ACK: three segments. If nc takes longer than 40 ms, on a " +
          'busy machine, the ACK is sent alone: four segments, and also TIME_WAIT. For three, repeat the recipe',
      ),
    ],
    cleanUp: [endWatch('server')],
  },
  crowd: [...OPEN, clients('close'), servers('receive'), servers('close')],
  sabotage: {
    rules: null,
    call: 'no program holds a socket that could change it',
    condition: null,
  },
};
