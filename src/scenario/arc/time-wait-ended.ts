import { knock } from '../knock.ts';
import { seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';
import { timeWait } from '../time-wait.ts';

/** 60 s, whatever the sysctls say: it has to be waited out. */
export const timeWaitEnded: Scenario = {
  id: 'time-wait-ended',
  title: 'TIME-WAIT ends after 60 s',
  held: { host: 'client', state: 'CLOSED' },
  peer: 'CLOSED',
  heldBy: 'the connection has ended',
  arcs: { client: [41] },
  slow: true,
  async reach(stage) {
    const connection = await timeWait.reach(stage);
    await seen(stage, connection, 'client', 'TIME-WAIT');
    await seen(stage, connection, 'client', 'CLOSED');
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.server, server, client),
};
