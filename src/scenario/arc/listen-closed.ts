import { knock } from '../knock.ts';
import { listening, seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

export const listenClosed: Scenario = {
  id: 'listen-closed',
  title: 'a server closes its listening socket',
  held: { host: 'server', state: 'CLOSED' },
  peer: 'CLOSED',
  heldBy: 'no listener',
  arcs: { server: [5] },
  async reach(stage) {
    const connection = { client: stage.nextClientEndpoint(), server: stage.serverEndpoint() };
    const listener = await listening(stage);
    await seen(stage, connection, 'server', 'LISTEN');
    await stage.server.close(listener);
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.client, client, server),
};
