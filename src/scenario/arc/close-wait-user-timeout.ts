import { deafen, serverInCloseWait, timeOut } from '../inside.ts';
import { knock } from '../knock.ts';
import type { Scenario } from '../scenario.ts';

export const closeWaitUserTimeout: Scenario = {
  id: 'close-wait-user-timeout',
  title: "the client acknowledges nothing of CLOSE-WAIT before the server's user timeout is over",
  held: { host: 'server', state: 'CLOSED' },
  peer: 'FIN-WAIT-2',
  heldBy: 'client drops in',
  arcs: { server: [70] },
  async reach(stage) {
    const inside = await serverInCloseWait(stage);
    await deafen(stage, 'client');
    await stage.server.send(inside.socket, Buffer.from('late'));
    await timeOut(stage, 'server', inside);
    return inside.connection;
  },
  show: (stage, { client, server }) => knock(stage.client, client, server),
};
