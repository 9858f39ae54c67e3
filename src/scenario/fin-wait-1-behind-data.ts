import { endOf } from '../evidence/connection.ts';
import { ctrlC, endWatch, killStopped, sendZeros, serve, stop, watch } from './by-hand/steps.ts';
import { HANDSHAKE } from './explanation.ts';
import { fillWindow, readButNotFin } from './fill-window.ts';
import { established } from './opening.ts';
import { call } from './sabotage.ts';
import type { CatalogueScenario } from './scenario.ts';

/** close() enters FIN-WAIT-1 at once, but the FIN has its place after the data (tcp.c, tcp_send_fin). */
export const finWait1BehindData: CatalogueScenario = {
  id: 'fin-wait-1-behind-data',
  title: 'a client closes behind data for which the server has no window, so it sends no FIN',
  held: { host: 'client', state: 'FIN-WAIT-1' },
  peer: 'ESTABLISHED',
  heldBy: 'the server never reads',
  conditions: ['fin-unsent', 'orphaned'],
  ours: { server: 'it must not read' },
  waits: true,
  async reach(stage) {
    const { connection, clientSocket } = await established(stage, { receiveBuffer: 4096 });
    await fillWindow(stage, endOf(connection, 'client', 'ESTABLISHED'), clientSocket);
    await stage.client.close(clientSocket);
    return connection;
  },
  explanation: {
    steps: [
      HANDSHAKE,
      'The server never reads, and the client sends until the window is 0.',
      'The client closes. Its FIN has its place after the unsent data, so no FIN is sent.',
    ],
    rules: [],
    peer: 'The server is ESTABLISHED, and its Recv-Q is full. It has no sign that the client has closed.',
    remark:
      'ss shows the persist timer and a Send-Q of more than 1; a FIN that waits for its ACK counts as 1. The client is an ' +
      'orphan: the kernel sends window probes, and gives up when they are 2 min apart, or after tcp_orphan_retries ' +
      'without a reply. If the server reads, data and FIN follow.',
  },
  byHand: {
    steps: [
      watch('server'),
      serve,
      stop('server', 'nc', 'nc no longer reads'),
      {
        ...sendZeros,
        note: "the server's receive buffer fills",
      },
      ctrlC(
        'client',
        'nc',
        { client: ['FIN-WAIT-1'], server: ['LISTEN', 'ESTABLISHED'] },
        'nc has exited; tcpdump shows no FIN',
      ),
      {
        on: 'client',
        look: 'ss -tano',
        see: { prints: ['FIN-WAIT-1…192.168.2.11:80…timer:(persist,'] },
        note: 'the Send-Q is far more than the one byte of a FIN',
      },
    ],
    cleanUp: [
      {
        ...killStopped,
        note: 'the data is unread, so the server resets the connection',
      },
      endWatch('server'),
    ],
  },
  crowd: 'each needs some megabytes of unsent data; use fin-wait-1',
  sabotage: {
    rules: null,
    call: call('server', 'abort', 2, /^socket-table of client: saw FIN-WAIT-1, then CLOSED/),
    condition: {
      act: (stage, connection) => readButNotFin(stage, connection, 'client', 2),
      seen: /^the FIN of the client does not wait behind data, /,
    },
  },
};
