import type { Fate } from '../lab/rule.ts';
import type { Step } from './by-hand/by-hand.ts';
import { endServer, endWatch, liftRule, serve, setRule, TO_SERVER } from './by-hand/steps.ts';
import { NO_ROW } from './crowd-steps.ts';
import { toServer } from './explanation.ts';
import { connecting, listening } from './opening.ts';
import { failure } from './refusal.ts';
import { connectAgain } from './sabotage.ts';
import type { CatalogueScenario } from './scenario.ts';

const MEANINGS = ['port unreachable', 'host unreachable', 'administratively prohibited'] as const;

/** Three connections, one for each kind of error; the last is the one that is held. */
export const closedRejectedIcmp: CatalogueScenario = {
  id: 'closed-rejected-icmp',
  title: "the server's firewall answers a client's SYN with an ICMP error",
  held: { host: 'client', state: 'CLOSED' },
  peer: 'LISTEN',
  heldBy: 'server rejects in',
  conditions: [],
  ours: { client: 'it must connect three times from known ports' },
  arcs: { client: [9] },
  async reach(stage) {
    const { client, server } = stage;
    await listening(stage);
    // On one machine the error would be back before connect() is over, and while that holds the socket the kernel
    // takes an ICMP error for a hint (net/ipv4/tcp_ipv4.c, tcp_v4_err): so the SYNs wait until the calls are over.
    const heldBack = await client.holdBack();
    const openings = [];
    for (const meaning of MEANINGS) {
      const opening = await connecting(stage, {
        before: async ({ port }) => {
          await server.setRule({
            hook: 'in',
            sourcePort: port,
            destinationPort: stage.serverPort,
            fate: `reject with ${meaning}`,
          });
        },
      });
      openings.push({ ...opening, meaning });
    }
    const startMs = stage.nowMs();
    if (heldBack) await client.release();
    for (const { meaning, clientSocket } of openings) await failure(stage, clientSocket, meaning, startMs);
    return (openings.at(-1) as (typeof openings)[number]).connection;
  },
  explanation: {
    steps: [
      'The server listens.',
      'Rules on the server answer the SYNs of three clients (here ports 33000 to 33002) with three ICMP errors.',
      'Three clients connect. tcplab records the errno and the time of each.',
    ],
    rules: [
      toServer('server', 'in', 'reject with port unreachable', 33_000),
      toServer('server', 'in', 'reject with host unreachable', 33_001),
      toServer('server', 'in', 'reject with administratively prohibited', 33_002),
    ],
    peer: "The server's listener receives nothing.",
    remark:
      'If an ICMP error arrives while the connect() call is still executing, Linux only records it, and the next SYN, ' +
      '1 s later, brings it again. On one machine that would always happen. So tcplab delays the SYNs until the calls ' +
      'have returned, as on a real network.',
  },
  byHand: {
    steps: [
      {
        on: 'client',
        terminal: 'tcpdump',
        run: 'tcpdump -ni any icmp',
        ready: 'listening on any',
      },
      serve,
      ...rejected('reject with port unreachable', 'Connection refused', 'port 80 unreachable'),
      liftRule('server', 'in', TO_SERVER, 'reject with port unreachable'),
      ...rejected('reject with host unreachable', 'No route to host', 'host 192.168.2.11 unreachable'),
      liftRule('server', 'in', TO_SERVER, 'reject with host unreachable'),
      ...rejected('reject with administratively prohibited', 'No route to host', 'admin prohibited'),
    ],
    cleanUp: [
      liftRule('server', 'in', TO_SERVER, 'reject with administratively prohibited'),
      endServer,
      endWatch('client'),
    ],
  },
  crowd: NO_ROW,
  sabotage: {
    rules: { unset: /^connect\(\) did not fail within/, removed: null },
    call: {
      what: 'nothing is rejected, and the client connects again',
      act: async (stage) => {
        for (const rule of [1, 2, 3]) await stage.server.liftRule(rule);
        // The last of its three connections is the one that is held.
        await connectAgain(stage, 3);
      },
      seen: /^socket-table of client: saw CLOSED, then ESTABLISHED/,
    },
    condition: null,
  },
};

function rejected(fate: Fate, error: string, icmp: string): Step[] {
  return [
    setRule('server', 'in', TO_SERVER, fate),
    {
      on: 'client',
      run: 'telnet 192.168.2.11 80',
      see: { client: [], server: ['LISTEN'], prints: [error], at: { 'client/tcpdump': [icmp] } },
    },
  ];
}
