import { connect, ctrlC, endWatch, serve, watch } from './by-hand/steps.ts';
import { HANDSHAKE } from './explanation.ts';
import { established, seen } from './opening.ts';
import { call } from './sabotage.ts';
import type { CatalogueScenario } from './scenario.ts';

/** A SYN beyond the old connection's numbers ends TIME-WAIT early and opens a new one (RFC 9293, 3.10.7.4; RFC 6191). */
export const timeWaitReused: CatalogueScenario = {
  id: 'time-wait-reused',
  title: 'a client connects again from the port that the server has in TIME-WAIT',
  held: { host: 'server', state: 'ESTABLISHED' },
  peer: 'ESTABLISHED',
  heldBy: 'neither end closes',
  conditions: ['after-time-wait'],
  ours: { client: 'it must connect twice from one port', server: 'it must close first' },
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage);
    await stage.server.close(serverSocket);
    await seen(stage, connection, 'server', 'FIN-WAIT-2');
    await stage.client.close(clientSocket);
    await seen(stage, connection, 'server', 'TIME-WAIT');
    const again = await stage.client.openSocket();
    await stage.client.bind(again, connection.client);
    await stage.client.connect(again, connection.server);
    return connection;
  },
  explanation: {
    steps: [
      HANDSHAKE,
      'The server closes first, then the client. The server is in TIME-WAIT.',
      'The client connects again, from the same port.',
    ],
    rules: [],
    peer: 'The client is ESTABLISHED: the end that closed second may use its port again at once.',
    remark:
      'Linux accepts the SYN if its timestamp, or its sequence number, is beyond those of the old connection. No sysctl is ' +
      'needed: tcp_tw_reuse is about an end that connects from a port which is in TIME-WAIT at its own host.',
  },
  byHand: {
    steps: [
      watch('server'),
      serve,
      { ...connect, run: 'nc -p 4000 192.168.2.11 80' },
      ctrlC('server', 'nc', { client: ['CLOSE-WAIT'], server: ['FIN-WAIT-2'] }, 'the server closes first'),
      ctrlC('client', 'nc', { client: [], server: ['TIME-WAIT'] }),
      { ...serve, see: { server: ['LISTEN', 'TIME-WAIT'] } },
      {
        ...connect,
        run: 'nc -p 4000 192.168.2.11 80',
        note: 'the SYN ends TIME-WAIT early, and opens a new connection',
      },
    ],
    cleanUp: [ctrlC('client', 'nc', { client: ['TIME-WAIT'], server: [] }), endWatch('server')],
  },
  crowd: 'the socket table shows it as ESTABLISHED, like every other connection',
  sabotage: {
    rules: null,
    call: call('client', 'abort', 2, /^socket-table of server: saw ESTABLISHED, then CLOSED/),
    condition: 'TIME-WAIT is over before the hold begins',
  },
};
