import { knock } from '../knock.ts';
import { seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';
import { timeWait } from '../time-wait.ts';

export const timeWaitDestroyed: Scenario = {
  id: 'time-wait-destroyed',
  title: 'an administrator destroys a TIME-WAIT',
  held: { host: 'client', state: 'CLOSED' },
  peer: 'CLOSED',
  heldBy: 'the socket was destroyed',
  arcs: { client: [79] },
  async reach(stage) {
    const connection = await timeWait.reach(stage);
    await seen(stage, connection, 'client', 'TIME-WAIT');
    await stage.client.destroySocket(connection.client, connection.server);
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.server, server, client),
};
