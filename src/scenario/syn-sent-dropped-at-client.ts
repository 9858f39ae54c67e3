import { droppedHandshake, TO_SERVER } from './by-hand/steps.ts';
import { clients, drop } from './crowd-steps.ts';
import { toServer } from './explanation.ts';
import { connecting, listening } from './opening.ts';
import { call } from './sabotage.ts';
import type { CatalogueScenario } from './scenario.ts';

export const synSentDroppedAtClient: CatalogueScenario = {
  id: 'syn-sent-dropped-at-client',
  title: "the client's firewall drops its outgoing SYNs",
  held: { host: 'client', state: 'SYN-SENT' },
  peer: 'LISTEN',
  heldBy: 'client drops out',
  conditions: [],
  async reach(stage) {
    await listening(stage);
    await stage.client.setRule({ hook: 'out', destinationPort: stage.serverPort, fate: 'drop' });
    return (await connecting(stage)).connection;
  },
  explanation: {
    steps: [
      'The server listens.',
      'A rule on the client drops its outgoing segments to that port.',
      'The client connects.',
    ],
    rules: [toServer('client', 'out')],
    peer: 'The server receives nothing: the SYNs never leave the client.',
    remark:
      'To the client this looks the same as syn-sent; a capture on the server shows the difference. A capture on the ' +
      'client shows no SYN either, because outgoing packets are captured after the filter.',
  },
  byHand: droppedHandshake(['client', 'out', TO_SERVER], ['LISTEN'], {}, { prints: ['0 packets captured'] }),
  crowd: [drop('client', 'out'), clients('connect')],
  sabotage: {
    rules: {
      unset: /client was not seen in SYN-SENT.*; socket-table saw client ESTABLISHED/,
      removed: 'ESTABLISHED',
    },
    call: call('client', 'abort', 1, /^socket-table of client: saw SYN-SENT, then CLOSED/),
    condition: null,
  },
};
