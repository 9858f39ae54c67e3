import { endOf } from '../evidence/connection.ts';
import { endWatch, killStopped, sendZeros, serve, stopAccepting, watch } from './by-hand/steps.ts';
import { HANDSHAKE } from './explanation.ts';
import { fillWindow } from './fill-window.ts';
import { established } from './opening.ts';
import { call } from './sabotage.ts';
import type { CatalogueScenario } from './scenario.ts';

/** The peer takes no more: the client asks now and then whether it does (RFC 9293, 3.8.6.1), on its persist timer. */
export const zeroWindow: CatalogueScenario = {
  id: 'zero-window',
  title: 'a server does not read, its window is 0, and the client sends window probes',
  held: { host: 'client', state: 'ESTABLISHED' },
  peer: 'ESTABLISHED',
  heldBy: 'the server never reads',
  conditions: ['persist-timer'],
  waits: true,
  async reach(stage) {
    const { connection, clientSocket } = await established(stage, { receiveBuffer: 4096 });
    await fillWindow(stage, endOf(connection, 'client', 'ESTABLISHED'), clientSocket);
    return connection;
  },
  explanation: {
    steps: [
      HANDSHAKE,
      'The server never reads.',
      "The client sends until the server's window is 0, and then sends window probes.",
    ],
    rules: [],
    peer: 'The server is ESTABLISHED, and its Recv-Q is full. It answers each probe with an ACK of window 0.',
    remark: 'RFC 9293, 3.8.6.1. While the server replies there is no timeout; TCP_USER_TIMEOUT adds one.',
  },
  byHand: {
    steps: [
      watch('server'),
      serve,
      stopAccepting,
      {
        ...sendZeros,
        note: "the server's receive buffer fills, because nc does not read",
      },
      {
        on: 'client',
        look: 'ss -tano',
        see: { prints: ['ESTAB…192.168.2.11:80…timer:(persist,'] },
        note: 'the client sends window probes; its Send-Q stays the same',
      },
    ],
    cleanUp: [
      {
        ...killStopped,
        note: "the data is unread, so the server resets the connection, and the client's nc exits",
      },
      endWatch('server'),
    ],
  },
  crowd: 'the socket table shows it as ESTABLISHED, like every connection that can send',
  sabotage: {
    rules: null,
    call: call('client', 'close', 1, /^socket-table of client: saw ESTABLISHED, then FIN-WAIT-1/),
    condition: {
      act: async ({ server }) => {
        while (((await server.receive(2))?.length ?? 0) > 0);
      },
      seen: /^the persist timer of the client does not run, /,
    },
  },
};
