import {
  connectToShutDown,
  ctrlC,
  endWatch,
  liftRule,
  serve,
  setRule,
  shutDown,
  TO_SERVER,
  UNAWARE,
  watch,
} from './by-hand/steps.ts';
import { clients, drop, OPEN, servers } from './crowd-steps.ts';
import { HANDSHAKE, toServer } from './explanation.ts';
import { established, seen } from './opening.ts';
import { call } from './sabotage.ts';
import type { CatalogueScenario } from './scenario.ts';

/** The FINs cross because the client's is lost: the server's then can't acknowledge it. */
export const closing: CatalogueScenario = {
  id: 'closing',
  title: 'both ends close at the same time, and only the client receives the other FIN',
  held: { host: 'client', state: 'CLOSING' },
  peer: 'FIN-WAIT-1',
  heldBy: 'server drops in',
  conditions: [],
  ours: { server: "it must close before it receives the client's FIN" },
  arcs: { client: [25] },
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage);
    await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate: 'drop' });
    await stage.client.shutdown(clientSocket);
    await seen(stage, connection, 'client', 'FIN-WAIT-1');
    await stage.server.close(serverSocket);
    return connection;
  },
  explanation: {
    steps: [
      HANDSHAKE,
      'A rule on the server drops incoming segments for its port.',
      'The client shuts down. Its FIN is lost.',
      "The server closes. Its FIN does not acknowledge the client's FIN, which it never received.",
    ],
    rules: [toServer('server', 'in')],
    peer: "The server is in FIN-WAIT-1, and does not receive the client's ACKs either.",
    remark: 'One rule in one direction is enough. No delay is needed to make FINs cross.',
  },
  byHand: {
    steps: [
      watch('server'),
      serve,
      connectToShutDown,
      setRule('server', 'in', TO_SERVER),
      { ...shutDown, see: UNAWARE },
      ctrlC('server', 'nc', { client: ['CLOSING'], server: ['FIN-WAIT-1'] }, 'the server closes too'),
    ],
    cleanUp: [
      {
        ...liftRule('server', 'in', TO_SERVER),
        see: { client: ['TIME-WAIT'], server: ['TIME-WAIT'] },
      },
      endWatch('server'),
    ],
  },
  crowd: [...OPEN, drop('server', 'in'), clients('shutdown'), servers('close')],
  sabotage: {
    rules: {
      unset: /the client was not seen in FIN-WAIT-1|; socket-table saw client TIME-WAIT, server CLOSED/,
      removed: 'TIME-WAIT',
    },
    call: call('client', 'abort', 1, /^socket-table of client: saw CLOSING, then CLOSED/),
    condition: null,
  },
};
