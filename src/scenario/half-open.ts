import type { Host } from '../lab/host.ts';
import {
  connect,
  ctrlC,
  endWatch,
  FROM_SERVER,
  liftRule,
  serve,
  setRule,
  TO_SERVER,
  watch,
} from './by-hand/steps.ts';
import { clients, drop, OPEN } from './crowd-steps.ts';
import { fromServer, HANDSHAKE, toServer } from './explanation.ts';
import { established } from './opening.ts';
import type { CatalogueScenario } from './scenario.ts';

/** RFC 9293, 3.5.1: one end has closed without the other's knowledge, as after a crash or with the link down. */
export const halfOpen: CatalogueScenario = {
  id: 'half-open',
  title: 'a client vanishes, and the server receives nothing',
  held: { host: 'server', state: 'ESTABLISHED' },
  peer: 'CLOSED',
  heldBy: 'server drops in and out',
  conditions: [],
  ours: { client: 'it must vanish without closing' },
  async reach(stage) {
    const { connection, clientSocket } = await established(stage);
    await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate: 'drop' });
    await stage.server.setRule({ hook: 'out', sourcePort: stage.serverPort, fate: 'drop' });
    await stage.client.abort(clientSocket);
    return connection;
  },
  explanation: {
    steps: [
      HANDSHAKE,
      'Rules on the server drop all incoming segments for its port and all outgoing segments from it.',
      'The client aborts. Its RST never arrives.',
    ],
    rules: [toServer('server', 'in'), fromServer('server', 'out')],
    peer: 'The client has no socket any more, as after a crash or behind a NAT that dropped its entry.',
    remark:
      'RFC 9293, 3.5.1 calls this a half-open connection. The server notices when it sends data (tcp_retries2, ' +
      'TCP_USER_TIMEOUT) or a keepalive probe. If it sends neither, it never notices.',
  },
  byHand: {
    steps: [
      watch('client'),
      serve,
      connect,
      setRule('server', 'in', TO_SERVER),
      {
        ...setRule('server', 'out', FROM_SERVER),
        note: 'now nothing passes in either direction',
      },
      {
        on: 'client',
        run: 'ss -Ktn dst 192.168.2.11',
        see: {
          client: [],
          server: ['LISTEN', 'ESTABLISHED'],
          prints: ['192.168.2.11:80'],
          at: { 'client/tcpdump': ['Flags [R'] },
        },
        note: "destroys the client's socket; its RST is lost, as if the client's machine had crashed",
      },
    ],
    cleanUp: [
      ctrlC('server', 'nc', { server: ['FIN-WAIT-1'] }),
      liftRule('server', 'in', TO_SERVER),
      {
        ...liftRule('server', 'out', FROM_SERVER),
        see: { server: [] },
        note: 'the client answers the next FIN with RST',
      },
      endWatch('client'),
    ],
  },
  crowd: [...OPEN, drop('server', 'in'), drop('server', 'out'), clients('abort')],
  sabotage: {
    rules: { unset: /; socket-table saw server CLOSED, client CLOSED/, removed: null },
    call: {
      what: 'the server sends, and nothing keeps the client’s RST from it',
      act: async ({ server }) => {
        await removeRules(server);
        await server.send(2, Buffer.from('anybody there?'));
      },
      seen: /^socket-table of server: saw ESTABLISHED, then CLOSED/,
    },
    condition: {
      act: ({ server }) => removeRules(server),
      seen: /^rule 1 of the server \(.*\) was removed /,
    },
  },
};

async function removeRules(server: Host): Promise<void> {
  await server.liftRule(1);
  await server.liftRule(2);
}
