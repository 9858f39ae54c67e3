import { connecting, listening } from './opening.ts';
import { failure } from './refusal.ts';
import type { Scenario } from './scenario.ts';

const MEANINGS = ['port unreachable', 'host unreachable', 'administratively prohibited'] as const;

/** Three connections, one for each kind of error; the last is the one that is held. */
export const closedRejectedIcmp: Scenario = {
  id: 'closed-rejected-icmp',
  title: "the server's firewall answers a client's SYN with an ICMP error",
  held: { host: 'client', state: 'CLOSED' },
  peer: 'LISTEN',
  heldBy: 'server rejects in',
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
};
