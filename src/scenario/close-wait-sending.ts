import { type Connection, endOf } from '../evidence/connection.ts';
import { rowOf } from '../evidence/witness/socket-table.ts';
import {
  endPython,
  endWatch,
  establishedInPython,
  FROM_SERVER,
  HALF_CLOSED,
  liftRule,
  setRule,
  shutDown,
  watch,
} from './by-hand/steps.ts';
import { fromServer, HANDSHAKE } from './explanation.ts';
import { established, seen } from './opening.ts';
import { call } from './sabotage.ts';
import type { CatalogueScenario } from './scenario.ts';
import type { Stage } from './stage.ts';

/** A timer runs in CLOSE-WAIT while data is under way: what it sends is acknowledged or fails as in ESTABLISHED. */
export const closeWaitSending: CatalogueScenario = {
  id: 'close-wait-sending',
  title: 'a client has shut down, and the server still sends data that is never acknowledged',
  held: { host: 'server', state: 'CLOSE-WAIT' },
  peer: 'FIN-WAIT-2',
  heldBy: 'client drops in',
  conditions: ['retransmission-timer'],
  ours: { server: "it must send after the client's FIN" },
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage);
    await stage.client.shutdown(clientSocket);
    await seen(stage, connection, 'client', 'FIN-WAIT-2');
    await seen(stage, connection, 'server', 'CLOSE-WAIT');
    await stage.client.setRule({ hook: 'in', sourcePort: stage.serverPort, fate: 'drop' });
    await stage.server.send(serverSocket, Buffer.from('a long response'));
    const end = endOf(connection, 'server', 'CLOSE-WAIT');
    await stage.waitFor({ failure: "the server's retransmission timer did not start" }, async () => {
      return rowOf((await stage.observe()).server, end)?.timer === 'retransmission';
    });
    return connection;
  },
  explanation: {
    steps: [
      HANDSHAKE,
      'The client shuts down its sending side. The server is in CLOSE-WAIT.',
      "A rule on the client drops incoming segments from the server's port.",
      'The server sends data. The data never arrives, and is retransmitted.',
    ],
    rules: [fromServer('client', 'in')],
    peer: 'The client is in FIN-WAIT-2 and can still receive.',
    remark:
      'Here a timer runs in CLOSE-WAIT: the connection fails with ETIMEDOUT after tcp_retries2 or TCP_USER_TIMEOUT, as in ' +
      'ESTABLISHED. Compare close-wait, where nothing is in flight and no timer runs.',
  },
  byHand: {
    steps: [
      watch('client'),
      ...establishedInPython,
      { ...shutDown, see: HALF_CLOSED },
      setRule('client', 'in', FROM_SERVER),
      { on: 'server', terminal: 'python', type: 'c.send(b"a long response")', ready: '>>>' },
      {
        on: 'server',
        look: 'ss -tano',
        see: { prints: ['CLOSE-WAIT…192.168.2.11:80…timer:(on,'] },
        note: 'on: the retransmission timer',
      },
    ],
    cleanUp: [
      {
        ...liftRule('client', 'in', FROM_SERVER),
        see: { at: { 'client/nc': ['a long response'] } },
        note: 'the next retransmission arrives',
      },
      { ...endPython('server'), see: { client: ['TIME-WAIT'], server: [] } },
      endWatch('client'),
    ],
  },
  crowd: 'each needs unacknowledged data; use close-wait',
  sabotage: {
    rules: { unset: /^the server's retransmission timer did not start within/, removed: null },
    call: call('server', 'abort', 2, /^socket-table of server: saw CLOSE-WAIT, then CLOSED/),
    condition: { act: acknowledgeAll, seen: /^the retransmission timer of the server does not run, / },
  },
};

/** In the client's name: the rule keeps the data from the client's own kernel. */
async function acknowledgeAll(stage: Stage, connection: Connection): Promise<void> {
  const { client: source, server: destination } = connection;
  const { sendNext: ack, receiveNext: seq } = await stage.fold(connection, 'server');
  await stage.client.sendSegment({ source, destination, seq, ack, flags: '.', window: 64240 });
}
