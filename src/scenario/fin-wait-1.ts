import { connect, ctrlC, endHeld, serve, setRule, TO_SERVER, UNAWARE, watch } from './by-hand/steps.ts';
import { clients, drop, OPEN } from './crowd-steps.ts';
import { HANDSHAKE, toServer } from './explanation.ts';
import { established } from './opening.ts';
import { call } from './sabotage.ts';
import type { CatalogueScenario } from './scenario.ts';

export const finWait1: CatalogueScenario = {
  id: 'fin-wait-1',
  title: 'a client closes, and its FINs never reach the server',
  held: { host: 'client', state: 'FIN-WAIT-1' },
  peer: 'ESTABLISHED',
  heldBy: 'server drops in',
  conditions: [],
  arcs: { client: [17] },
  async reach(stage) {
    const { connection, clientSocket } = await established(stage);
    await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate: 'drop' });
    await stage.client.close(clientSocket);
    return connection;
  },
  explanation: {
    steps: [
      HANDSHAKE,
      'A rule on the server drops incoming segments for its port.',
      'The client closes. Its FIN is lost, and so is every retransmission.',
    ],
    rules: [toServer('server', 'in')],
    peer: 'The server is still ESTABLISHED. A capture on it shows the FIN, but its TCP does not receive it.',
    remark:
      "The client's socket is an orphan: it has no process and inode 0, and tcp_orphan_retries sets its time limit. " +
      'Compare fin-wait-1-descriptor-open.',
  },
  byHand: {
    steps: [
      watch('server'),
      serve,
      connect,
      setRule('server', 'in', TO_SERVER),
      ctrlC(
        'client',
        'nc',
        { ...UNAWARE, at: { 'server/tcpdump': ['Flags [F.]'] } },
        'nc has exited; its socket still exists',
      ),
      {
        on: 'client',
        look: 'netstat -tanp',
        see: { prints: ['FIN_WAIT1 -'] },
        note: 'no process: an orphan',
      },
    ],
    cleanUp: endHeld,
  },
  crowd: [...OPEN, drop('server', 'in'), clients('close')],
  sabotage: {
    rules: { unset: /; socket-table saw client FIN-WAIT-2, server CLOSE-WAIT/, removed: 'FIN-WAIT-2' },
    call: call('server', 'close', 2, /^socket-table of client: saw FIN-WAIT-1, then CLOSING/),
    condition: null,
  },
};
