import { clientInSynSent, timeOut } from '../inside.ts';
import { knock } from '../knock.ts';
import type { Scenario } from '../scenario.ts';

/** The kernel compares the user timeout when it retransmits the first SYN, after a second. */
export const synSentUserTimeout: Scenario = {
  id: 'syn-sent-user-timeout',
  title: "a client's user timeout is shorter than its retransmissions take",
  held: { host: 'client', state: 'CLOSED' },
  peer: 'LISTEN',
  heldBy: 'server drops in',
  arcs: { client: [49] },
  async reach(stage) {
    const inside = await clientInSynSent(stage);
    await timeOut(stage, 'client', inside);
    return inside.connection;
  },
  show: (stage, { client, server }) => knock(stage.server, server, client),
};
