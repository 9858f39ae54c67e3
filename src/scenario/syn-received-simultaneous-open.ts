import { ctrlC, endServer, endWatch, liftRule, setRule, TO_SERVER, watch } from './by-hand/steps.ts';
import { clients, drop, servers } from './crowd-steps.ts';
import { toServer } from './explanation.ts';
import { simultaneousOpen } from './opening.ts';
import { call } from './sabotage.ts';
import type { CatalogueScenario } from './scenario.ts';

export const synReceivedSimultaneousOpen: CatalogueScenario = {
  id: 'syn-received-simultaneous-open',
  title: 'both ends connect to each other, and only the client receives the other SYN',
  held: { host: 'client', state: 'SYN-RECEIVED' },
  peer: 'SYN-SENT',
  heldBy: 'server drops in',
  conditions: [],
  ours: {
    client: 'both ends must connect from a known port',
    server: 'both ends must connect from a known port',
  },
  arcs: { client: [7] },
  reach: async (stage) => (await simultaneousOpen(stage)).connection,
  explanation: {
    steps: [
      'Both ends bind a port; there is no listener.',
      'A rule on the server drops incoming segments for its port.',
      'Both connect to each other. The client is in SYN-SENT when a SYN arrives, and answers it with SYN-ACK.',
    ],
    rules: [toServer('server', 'in')],
    peer: 'The server is in SYN-SENT and receives neither SYN nor SYN-ACK.',
    remark:
      'RFC 9293, 3.5, figure 7. Here SYN-RECEIVED is a full socket with a descriptor, and tcp_syn_retries sets its time ' +
      'limit. If both SYNs arrived, both ends would become ESTABLISHED without any listener.',
  },
  byHand: {
    steps: [
      watch('client'),
      setRule('server', 'in', TO_SERVER),
      {
        on: 'client',
        terminal: 'nc',
        run: 'nc -p 4000 192.168.2.11 80',
        see: { client: ['SYN-SENT'] },
      },
      {
        on: 'server',
        terminal: 'nc',
        run: 'nc -p 80 192.168.2.10 4000',
        see: {
          client: ['SYN-RECEIVED'],
          server: ['SYN-SENT'],
          at: {
            'client/tcpdump': [
              '192.168.2.11.80 > 192.168.2.10.4000: Flags [S]',
              '192.168.2.10.4000 > 192.168.2.11.80: Flags [S.]',
            ],
          },
        },
        note: 'there is no listener, but a client in SYN-SENT answers a SYN with SYN-ACK',
      },
    ],
    cleanUp: [
      ctrlC('client', 'nc', { client: ['FIN-WAIT-1'] }),
      endServer,
      {
        ...liftRule('server', 'in', TO_SERVER),
        see: { client: [] },
        note: 'the server answers the next FIN with RST',
      },
      endWatch('client'),
    ],
  },
  crowd: [drop('server', 'in'), clients('connect'), servers('connect')],
  sabotage: {
    rules: { unset: /; socket-table saw client CLOSED, server (CLOSED|SYN-SENT)/, removed: 'ESTABLISHED' },
    call: call('client', 'close', 1, /^socket-table of client: saw SYN-RECEIVED, then FIN-WAIT-1/),
    condition: null,
  },
};
