import { serverInLastAck, timeOut } from '../inside.ts';
import { knock } from '../knock.ts';
import type { Scenario } from '../scenario.ts';

export const lastAckUserTimeout: Scenario = {
  id: 'last-ack-user-timeout',
  title: 'the server shuts down second, and its FINs are lost until its user timeout is over',
  held: { host: 'server', state: 'CLOSED' },
  peer: 'FIN-WAIT-1',
  heldBy: 'client drops in',
  arcs: { server: [77] },
  async reach(stage) {
    const inside = await serverInLastAck(stage);
    await timeOut(stage, 'server', inside);
    return inside.connection;
  },
  show: (stage, { client, server }) => knock(stage.client, client, server),
};
