import { clientInSynReceived, timeOut } from '../inside.ts';
import { knock } from '../knock.ts';
import type { Scenario } from '../scenario.ts';

export const synReceivedUserTimeout: Scenario = {
  id: 'syn-received-user-timeout',
  title: "a client's simultaneous open takes longer than its user timeout",
  held: { host: 'client', state: 'CLOSED' },
  peer: 'SYN-SENT',
  heldBy: 'server drops in',
  arcs: { client: [56] },
  async reach(stage) {
    const inside = await clientInSynReceived(stage);
    await timeOut(stage, 'client', inside);
    return inside.connection;
  },
  show: (stage, { client, server }) => knock(stage.server, server, client),
};
