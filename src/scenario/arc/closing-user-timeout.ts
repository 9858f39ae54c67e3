import { clientInClosing, timeOut } from '../inside.ts';
import { knock } from '../knock.ts';
import type { Scenario } from '../scenario.ts';

export const closingUserTimeout: Scenario = {
  id: 'closing-user-timeout',
  title: "both ends have shut down, and the client's FINs are lost until its user timeout is over",
  held: { host: 'client', state: 'CLOSED' },
  peer: 'FIN-WAIT-1',
  heldBy: 'server drops in',
  arcs: { client: [74] },
  async reach(stage) {
    const inside = await clientInClosing(stage);
    await timeOut(stage, 'client', inside);
    return inside.connection;
  },
  show: (stage, { client, server }) => knock(stage.server, server, client),
};
