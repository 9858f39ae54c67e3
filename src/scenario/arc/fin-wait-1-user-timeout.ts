import { clientInFinWait1, timeOut } from '../inside.ts';
import { knock } from '../knock.ts';
import type { Scenario } from '../scenario.ts';

export const finWait1UserTimeout: Scenario = {
  id: 'fin-wait-1-user-timeout',
  title: "a client's FINs are lost until its user timeout is over",
  held: { host: 'client', state: 'CLOSED' },
  peer: 'ESTABLISHED',
  heldBy: 'server drops in',
  arcs: { client: [61] },
  async reach(stage) {
    const inside = await clientInFinWait1(stage);
    await timeOut(stage, 'client', inside);
    return inside.connection;
  },
  show: (stage, { client, server }) => knock(stage.server, server, client),
};
