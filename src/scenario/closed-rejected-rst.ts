import { endServer, endWatch, liftRule, serve, setRule, TO_SERVER, watch } from './by-hand/steps.ts';
import { NO_ROW } from './crowd-steps.ts';
import { toServer } from './explanation.ts';
import { listening } from './opening.ts';
import { refused } from './refusal.ts';
import { connectAgain } from './sabotage.ts';
import type { CatalogueScenario } from './scenario.ts';

export const closedRejectedRst: CatalogueScenario = {
  id: 'closed-rejected-rst',
  title: "the server's firewall answers a client's SYN with RST",
  held: { host: 'client', state: 'CLOSED' },
  peer: 'LISTEN',
  heldBy: 'server rejects in',
  conditions: [],
  async reach(stage) {
    await listening(stage);
    await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate: 'reject with RST' });
    return (await refused(stage, 'RST')).connection;
  },
  explanation: {
    steps: [
      'The server listens.',
      'A rule on the server answers SYNs for its port with RST.',
      'The client connects.',
    ],
    rules: [toServer('server', 'in', 'reject with RST')],
    peer: "The server's listener receives nothing.",
    remark: 'To the client this looks the same as a port without a listener: ECONNREFUSED.',
  },
  byHand: {
    steps: [
      watch('client'),
      serve,
      setRule('server', 'in', TO_SERVER, 'reject with RST'),
      {
        on: 'client',
        run: 'telnet 192.168.2.11 80',
        see: {
          client: [],
          server: ['LISTEN'],
          prints: ['Connection refused'],
          at: { 'client/tcpdump': ['Flags [S]', 'Flags [R.]'] },
        },
        note: 'the same as without a listener',
      },
    ],
    cleanUp: [liftRule('server', 'in', TO_SERVER, 'reject with RST'), endServer, endWatch('client')],
  },
  crowd: NO_ROW,
  sabotage: {
    rules: { unset: /^connect\(\) did not fail within/, removed: null },
    call: {
      what: 'nothing is rejected, and the client connects again',
      act: async (stage) => {
        await stage.server.liftRule(1);
        await connectAgain(stage, 1);
      },
      seen: /^socket-table of client: saw CLOSED, then ESTABLISHED/,
    },
    condition: null,
  },
};
