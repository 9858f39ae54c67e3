import {
  connectToShutDown,
  endHeld,
  serve,
  setRule,
  shutDown,
  TO_SERVER,
  UNAWARE,
  watch,
} from './by-hand/steps.ts';
import { clients, drop, OPEN } from './crowd-steps.ts';
import { HANDSHAKE, toServer } from './explanation.ts';
import { established } from './opening.ts';
import { call } from './sabotage.ts';
import type { CatalogueScenario } from './scenario.ts';

/** While a descriptor is open tcp_retries2 rules the FIN's retransmissions, not tcp_orphan_retries. */
export const finWait1DescriptorOpen: CatalogueScenario = {
  id: 'fin-wait-1-descriptor-open',
  title: 'a client shuts down, keeps its descriptor, and its FINs never reach the server',
  held: { host: 'client', state: 'FIN-WAIT-1' },
  peer: 'ESTABLISHED',
  heldBy: 'server drops in',
  conditions: ['descriptor-open'],
  ours: { client: 'it must shut down and not close' },
  async reach(stage) {
    const { connection, clientSocket } = await established(stage);
    await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate: 'drop' });
    await stage.client.shutdown(clientSocket);
    return connection;
  },
  explanation: {
    steps: [
      HANDSHAKE,
      'A rule on the server drops incoming segments for its port.',
      'The client shuts down its sending side, and keeps the descriptor.',
    ],
    rules: [toServer('server', 'in')],
    peer: 'The server is still ESTABLISHED.',
    remark:
      'The segments are the same as in fin-wait-1, but here tcp_retries2 sets the time limit: about 15 min by default.',
  },
  byHand: {
    steps: [
      watch('server'),
      serve,
      connectToShutDown,
      setRule('server', 'in', TO_SERVER),
      {
        ...shutDown,
        see: { ...UNAWARE, at: { 'server/tcpdump': ['Flags [F.]'] } },
        note: 'nc -N calls shutdown(), and waits for data from the server',
      },
      { on: 'client', look: 'netstat -tanp', see: { prints: ['FIN_WAIT1 …/nc'] } },
    ],
    cleanUp: endHeld,
  },
  crowd: [...OPEN, drop('server', 'in'), clients('shutdown')],
  sabotage: {
    rules: { unset: /; socket-table saw client FIN-WAIT-2, server CLOSE-WAIT/, removed: 'FIN-WAIT-2' },
    call: call('client', 'abort', 1, /^socket-table of client: saw FIN-WAIT-1, then CLOSED/),
    condition: { act: ({ client }) => client.close(1), seen: /^the client has no descriptor open, / },
  },
};
