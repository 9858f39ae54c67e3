import { endWatch, watch } from './by-hand/steps.ts';
import { NO_ROW } from './crowd-steps.ts';
import { refused } from './refusal.ts';
import { connectAgain, listenAfterAll } from './sabotage.ts';
import type { CatalogueScenario } from './scenario.ts';

export const closedRefused: CatalogueScenario = {
  id: 'closed-refused',
  title: 'a client connects to a port without a listener',
  held: { host: 'client', state: 'CLOSED' },
  peer: 'CLOSED',
  heldBy: 'no listener',
  ours: { server: 'no program may listen' },
  arcs: { client: [8] },
  conditions: ['refused-by-peer'],
  async reach(stage) {
    return (await refused(stage, 'no listener')).connection;
  },
  explanation: {
    steps: ['The server has no listener.', "The client connects. The server's kernel replies with RST."],
    rules: [],
    peer: 'The server has no socket, and creates none for a SYN that it refuses.',
    remark: 'connect() fails with ECONNREFUSED after one round trip.',
  },
  byHand: {
    steps: [
      watch('server'),
      {
        on: 'client',
        run: 'telnet 192.168.2.11 80',
        see: {
          client: [],
          server: [],
          prints: ['Connection refused'],
          at: { 'server/tcpdump': ['Flags [S]', 'Flags [R.]'] },
        },
        note: 'there is no listener',
      },
    ],
    cleanUp: [endWatch('server')],
  },
  crowd: NO_ROW,
  sabotage: {
    rules: null,
    call: {
      what: 'a server listens, and the client connects again',
      act: async (stage) => {
        await listenAfterAll(stage);
        await connectAgain(stage, 1);
      },
      seen: /^socket-table of client: saw CLOSED, then ESTABLISHED/,
    },
    condition: 'between two hosts only; test/between-hosts.test.ts does it',
  },
};
