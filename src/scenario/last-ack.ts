import {
  ACCEPTED,
  connect,
  ctrlC,
  endWatch,
  FROM_SERVER,
  liftRule,
  serve,
  setRule,
  watch,
} from './by-hand/steps.ts';
import { clients, drop, OPEN, see, servers } from './crowd-steps.ts';
import { fromServer, HANDSHAKE } from './explanation.ts';
import { established, gone } from './opening.ts';
import type { CatalogueScenario } from './scenario.ts';

export const lastAck: CatalogueScenario = {
  id: 'last-ack',
  title: 'the server closes after the client, and its FINs never reach the client',
  held: { host: 'server', state: 'LAST-ACK' },
  peer: 'FIN-WAIT-1',
  heldBy: 'client drops in',
  conditions: [],
  arcs: { server: [35] },
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage);
    await stage.client.setRule({ hook: 'in', sourcePort: stage.serverPort, fate: 'drop' });
    await stage.client.close(clientSocket);
    await gone(stage, connection, 'server', 'ESTABLISHED');
    await stage.server.close(serverSocket);
    return connection;
  },
  explanation: {
    steps: [
      HANDSHAKE,
      "A rule on the client drops incoming segments from the server's port.",
      'The client closes. The server receives the FIN and closes too. Its own FIN is lost.',
    ],
    rules: [fromServer('client', 'in')],
    peer: "The client is in FIN-WAIT-1: it has received neither the ACK of its FIN nor the server's FIN.",
    remark:
      "Both ends retransmit a FIN. The server's socket is an orphan, and tcp_orphan_retries sets its time limit.",
  },
  byHand: {
    steps: [
      watch('client'),
      serve,
      { ...connect, see: ACCEPTED },
      setRule('client', 'in', FROM_SERVER),
      ctrlC(
        'client',
        'nc',
        { client: ['FIN-WAIT-1'], server: ['LAST-ACK'] },
        "the server's nc reads the end of file and closes at once",
      ),
    ],
    cleanUp: [
      { ...liftRule('client', 'in', FROM_SERVER), see: { client: ['TIME-WAIT'], server: [] } },
      endWatch('client'),
    ],
  },
  crowd: [...OPEN, drop('client', 'in'), clients('close'), see('server', 'CLOSE-WAIT'), servers('close')],
  sabotage: {
    rules: { unset: /; socket-table saw server CLOSED, client TIME-WAIT/, removed: 'CLOSED' },
    call: 'no program holds a socket that could change it',
    condition: null,
  },
};
