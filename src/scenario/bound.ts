import { endPython, python } from './by-hand/steps.ts';
import { synFrom } from './crafted.ts';
import { NO_ROW } from './crowd-steps.ts';
import { listenAfterAll } from './sabotage.ts';
import type { CatalogueScenario } from './scenario.ts';

/** To the RFC there is no connection yet; Linux lists such a socket when asked for it (6.8, state bit 13). */
export const bound: CatalogueScenario = {
  id: 'bound',
  title: 'a client binds a port and does not connect',
  held: { host: 'client', state: 'CLOSED' },
  peer: 'CLOSED',
  heldBy: 'the client never connects',
  conditions: ['bound'],
  ours: { client: 'it must not connect', server: 'no program may listen' },
  async reach(stage) {
    const connection = { client: stage.nextClientEndpoint(), server: stage.serverEndpoint() };
    const socket = await stage.client.openSocket();
    await stage.client.bind(socket, connection.client);
    const { client: rows } = await stage.observe();
    const listed = rows.some(({ local }) => local.port === connection.client.port);
    stage.note(`this kernel ${listed ? 'lists' : 'does not list'} a socket that is only bound`);
    return connection;
  },
  /** The SYN is answered with RST. */
  show: synFrom('server'),
  explanation: {
    steps: [
      'The client binds a port and does not connect.',
      'A crafted SYN from the server gets an RST, which shows that the port does not listen.',
    ],
    rules: [],
    peer: 'The server has no socket. Its crafted SYN is answered with RST.',
    remark:
      'In terms of the RFC there is no connection. Since Linux 6.8 the kernel lists such sockets on request (ss -taB). ' +
      'They occupy their port.',
  },
  byHand: {
    steps: [
      ...python('client', [
        { type: 'from socket import *' },
        { type: 's = socket()' },
        {
          type: 's.bind(("", 4000))',
          see: { client: [] },
          note: 'netstat and ss do not list it; ss -tanB does (Linux and iproute2 6.8 or later)',
        },
      ]),
      {
        on: 'client',
        run: 'nc -l 4000',
        see: { prints: ['Address already in use'] },
        note: 'but the socket occupies the port',
      },
      {
        on: 'server',
        run: 'nc -zvn 192.168.2.10 4000',
        see: { client: [], server: [], prints: ['Connection refused'] },
        note: 'and there is no listener',
      },
    ],
    cleanUp: [endPython('client')],
  },
  crowd: NO_ROW,
  sabotage: {
    rules: null,
    call: {
      what: 'the client connects',
      act: async (stage) => {
        await listenAfterAll(stage);
        await stage.client.connect(1, stage.serverEndpoint());
      },
      seen: /^socket-table of client: saw CLOSED, then ESTABLISHED/,
    },
    condition: {
      act: ({ client }) => client.close(1),
      seen: /^the client has no socket bound to port \d+, /,
    },
  },
};
