import { knock } from '../knock.ts';
import { seen, simultaneousOpen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

export const synReceivedSimultaneousOpenIcmp: Scenario = {
  id: 'syn-received-simultaneous-open-icmp',
  title: 'an ICMP error ends a simultaneous open',
  held: { host: 'client', state: 'CLOSED' },
  peer: 'SYN-SENT',
  heldBy: 'server rejects in',
  arcs: { client: [53] },
  async reach(stage) {
    const { connection, rule } = await simultaneousOpen(stage);
    await seen(stage, connection, 'client', 'SYN-RECEIVED');
    await stage.server.liftRule(rule);
    // It replies to the SYN-ACK that the client retransmits after a second.
    const fate = 'reject with port unreachable';
    await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate });
    await seen(stage, connection, 'client', 'CLOSED');
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.server, server, client),
};
