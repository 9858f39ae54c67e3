import { droppedHandshake, TO_SERVER } from './by-hand/steps.ts';
import { clients, drop } from './crowd-steps.ts';
import { toServer } from './explanation.ts';
import { connecting, listening } from './opening.ts';
import { call } from './sabotage.ts';
import type { CatalogueScenario } from './scenario.ts';

export const synSent: CatalogueScenario = {
  id: 'syn-sent',
  title: "a client's SYNs arrive, and the server's firewall drops them",
  held: { host: 'client', state: 'SYN-SENT' },
  peer: 'LISTEN',
  heldBy: 'server drops in',
  conditions: [],
  arcs: { client: [2] },
  async reach(stage) {
    await listening(stage);
    await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate: 'drop' });
    return (await connecting(stage)).connection;
  },
  explanation: {
    steps: [
      'The server listens.',
      'A rule on the server drops incoming segments for its port.',
      'The client connects.',
    ],
    rules: [toServer('server', 'in')],
    peer: 'A capture on the server shows every SYN, because packets are captured before the filter. Its TCP receives none.',
    remark:
      'This is how a firewall at the server that drops looks to a client: connect() hangs, and nothing comes back.',
  },
  byHand: droppedHandshake(['server', 'in', TO_SERVER], ['LISTEN'], {
    'server/tcpdump': ['192.168.2.10.… > 192.168.2.11.80: Flags [S]'],
  }),
  crowd: [drop('server', 'in'), clients('connect')],
  sabotage: {
    rules: {
      unset: /client was not seen in SYN-SENT.*; socket-table saw client ESTABLISHED/,
      removed: 'ESTABLISHED',
    },
    call: call('client', 'close', 1, /^socket-table of client: saw SYN-SENT, then CLOSED/),
    condition: null,
  },
};
