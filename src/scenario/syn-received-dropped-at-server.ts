import { droppedHandshake, FROM_SERVER } from './by-hand/steps.ts';
import { fromServer } from './explanation.ts';
import { connecting, listening } from './opening.ts';
import { call } from './sabotage.ts';
import type { CatalogueScenario } from './scenario.ts';

export const synReceivedDroppedAtServer: CatalogueScenario = {
  id: 'syn-received-dropped-at-server',
  title: "the server's firewall drops its outgoing SYN-ACKs",
  held: { host: 'server', state: 'SYN-RECEIVED' },
  peer: 'SYN-SENT',
  // The request's first timer removes it, because the SYN-ACK can't be retransmitted (net/ipv4/inet_connection_sock.c).
  brief: true,
  heldBy: 'server drops out',
  conditions: [],
  async reach(stage) {
    await listening(stage);
    await stage.server.setRule({ hook: 'out', sourcePort: stage.serverPort, fate: 'drop' });
    return (await connecting(stage)).connection;
  },
  explanation: {
    steps: [
      'The server listens.',
      'A rule on the server drops its outgoing segments from that port.',
      'The client connects. The server makes a SYN-ACK, and the rule drops it.',
    ],
    rules: [fromServer('server', 'out')],
    peer: 'The client is in SYN-SENT and receives no reply.',
    remark:
      "The server's kernel learns at once that its SYN-ACK was not sent (EPERM), and removes the request at its first " +
      "timer, after 1 s. The client's next SYN creates a new request. While SYNs arrive every second the state is almost " +
      'continuous; later, when they are further apart, it comes and goes.',
  },
  byHand: droppedHandshake(['server', 'out', FROM_SERVER], ['LISTEN', 'SYN-RECEIVED'], {
    'server/tcpdump': ['192.168.2.10.… > 192.168.2.11.80: Flags [S]'],
  }),
  crowd:
    "the kernel removes a request whose SYN-ACK it can't retransmit, and the client's next SYN makes another; use syn-received",
  sabotage: {
    rules: { unset: /; socket-table saw server ESTABLISHED, client ESTABLISHED/, removed: 'ESTABLISHED' },
    call: call('client', 'close', 1, /^socket-table of client: saw SYN-SENT, then CLOSED/),
    condition: null,
  },
};
