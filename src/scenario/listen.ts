import { endServer, serve } from './by-hand/steps.ts';
import { synFrom } from './crafted.ts';
import { listening, seen } from './opening.ts';
import { call } from './sabotage.ts';
import type { CatalogueScenario } from './scenario.ts';

export const listen: CatalogueScenario = {
  id: 'listen',
  title: 'a server listens',
  held: { host: 'server', state: 'LISTEN' },
  peer: 'CLOSED',
  heldBy: 'the server listens',
  conditions: [],
  ours: { client: 'it must not connect' },
  arcs: { server: [1] },
  async reach(stage) {
    const connection = { client: stage.nextClientEndpoint(), server: stage.serverEndpoint() };
    await listening(stage);
    await seen(stage, connection, 'server', 'LISTEN');
    return connection;
  },
  /** The listener replies to the SYN with a SYN-ACK; the client's kernel has no such connection and replies with RST. */
  show: synFrom('client'),
  explanation: {
    steps: [
      'The server binds its port and calls listen().',
      'A crafted SYN from the client gets a SYN-ACK, which shows that the server listens.',
    ],
    rules: [],
    peer: 'The client has no socket. Its kernel did not send the SYN, so it answers the SYN-ACK with RST.',
    remark: 'For a listener ss shows the accept queue as Recv-Q and the backlog as Send-Q.',
  },
  byHand: {
    steps: [
      serve,
      {
        on: 'server',
        look: 'ss -tln',
        see: { client: [], server: ['LISTEN'], prints: ['LISTEN 0 1 0.0.0.0:80'] },
        note: 'Recv-Q is the accept queue, Send-Q the backlog: nc sets 1',
      },
    ],
    cleanUp: [endServer],
  },
  crowd: 'a single listener serves any number of connections',
  sabotage: {
    rules: null,
    call: call('server', 'close', 1, /^socket-table of server: saw LISTEN, then CLOSED/),
    condition: null,
  },
};
