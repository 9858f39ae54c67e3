import { droppedHandshake, FROM_SERVER } from './by-hand/steps.ts';
import { clients, drop } from './crowd-steps.ts';
import { fromServer } from './explanation.ts';
import { connecting, listening } from './opening.ts';
import { call } from './sabotage.ts';
import type { CatalogueScenario } from './scenario.ts';

export const synReceived: CatalogueScenario = {
  id: 'syn-received',
  title: "a server's SYN-ACKs arrive, and the client's firewall drops them",
  held: { host: 'server', state: 'SYN-RECEIVED' },
  peer: 'SYN-SENT',
  heldBy: 'client drops in',
  conditions: [],
  arcs: { server: [3] },
  async reach(stage) {
    await listening(stage);
    await stage.client.setRule({ hook: 'in', sourcePort: stage.serverPort, fate: 'drop' });
    return (await connecting(stage)).connection;
  },
  explanation: {
    steps: [
      'The server listens.',
      'A rule on the client drops incoming segments from that port.',
      "The client connects. The SYN-ACK reaches the client's host, but the rule drops it before TCP sees it.",
    ],
    rules: [fromServer('client', 'in')],
    peer: 'The client is in SYN-SENT and retransmits its SYN. The server answers each SYN with another SYN-ACK.',
    remark:
      'Each retransmitted SYN restarts the wait. So the request lives as long as the client tries, and ss can show more ' +
      'retransmissions than tcp_synack_retries.',
  },
  byHand: droppedHandshake(['client', 'in', FROM_SERVER], ['LISTEN', 'SYN-RECEIVED'], {
    'server/tcpdump': ['Flags [S]', '192.168.2.11.80 > 192.168.2.10.…: Flags [S.]'],
  }),
  crowd: [drop('client', 'in'), clients('connect')],
  sabotage: {
    rules: {
      unset: /server was not seen in SYN-RECEIVED.*; socket-table saw server ESTABLISHED, client ESTABLISHED/,
      removed: 'ESTABLISHED',
    },
    call: call('client', 'close', 1, /^socket-table of client: saw SYN-SENT, then CLOSED/),
    condition: null,
  },
};
