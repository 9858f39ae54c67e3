import { endOf } from '../evidence/connection.ts';
import {
  endPython,
  endWatch,
  establishedInPython,
  HALF_CLOSED,
  shutDown,
  stop,
  watch,
} from './by-hand/steps.ts';
import { HANDSHAKE } from './explanation.ts';
import { fillWindow, readButNotFin } from './fill-window.ts';
import { established, seen } from './opening.ts';
import { call } from './sabotage.ts';
import type { CatalogueScenario } from './scenario.ts';

/** The FIN of the end that closes second has its place after the data too. */
export const lastAckBehindData: CatalogueScenario = {
  id: 'last-ack-behind-data',
  title: 'the server closes behind data for which the client has no window, so it sends no FIN',
  held: { host: 'server', state: 'LAST-ACK' },
  peer: 'FIN-WAIT-2',
  heldBy: 'the client never reads',
  conditions: ['fin-unsent', 'orphaned'],
  ours: { client: 'it must shut down and not read' },
  waits: true,
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage, {}, { SO_RCVBUF: 4096 });
    await stage.client.shutdown(clientSocket);
    await seen(stage, connection, 'server', 'CLOSE-WAIT');
    await fillWindow(stage, endOf(connection, 'server', 'CLOSE-WAIT'), serverSocket);
    await stage.server.close(serverSocket);
    return connection;
  },
  explanation: {
    steps: [
      HANDSHAKE,
      'The client shuts down its sending side and never reads.',
      "The server sends until the client's window is 0, and closes. Its FIN has its place after the unsent data.",
    ],
    rules: [],
    peer: 'The client is in FIN-WAIT-2, and its Recv-Q is full.',
    remark:
      'No FIN is sent, although the state is LAST-ACK. The persist timer runs, and the same limits apply as in ' +
      'fin-wait-1-behind-data.',
  },
  byHand: {
    steps: [
      watch('server'),
      ...establishedInPython,
      { ...shutDown, see: HALF_CLOSED },
      stop('client', 'nc', 'nc no longer reads'),
      { on: 'server', terminal: 'python', type: 'c.setblocking(False)', ready: '>>>' },
      {
        on: 'server',
        terminal: 'python',
        type: 'while True: c.send(bytes(10**6))',
        see: {},
        note: 'two Enters; it ends with BlockingIOError when the send buffer is full',
      },
      {
        on: 'server',
        terminal: 'python',
        type: '',
        ready: 'BlockingIOError',
        see: { at: { 'server/tcpdump': ['192.168.2.10.…win 0,'] } },
      },
      {
        on: 'server',
        terminal: 'python',
        type: 'c.close()',
        see: { client: ['FIN-WAIT-2'], server: ['LISTEN', 'LAST-ACK'] },
        note: 'tcpdump shows no FIN of the server',
      },
    ],
    cleanUp: [
      {
        on: 'client',
        terminal: 'nc',
        run: 'kill %1; fg',
        see: { client: [], server: ['LISTEN'] },
        note: 'the data is unread, so the client resets the connection',
      },
      endPython('server'),
      endWatch('server'),
    ],
  },
  crowd: 'each needs some megabytes of unsent data; use last-ack',
  sabotage: {
    rules: null,
    call: call('client', 'abort', 1, /^socket-table of server: saw LAST-ACK, then CLOSED/),
    condition: {
      act: (stage, connection) => readButNotFin(stage, connection, 'server', 1),
      seen: /^the FIN of the server does not wait behind data, /,
    },
  },
};
