import { knock } from '../knock.ts';
import { listening, seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

export const listenAborted: Scenario = {
  id: 'listen-aborted',
  title: 'a server aborts its listening socket, which sends nothing',
  held: { host: 'server', state: 'CLOSED' },
  peer: 'CLOSED',
  heldBy: 'no listener',
  arcs: { server: [45] },
  async reach(stage) {
    const connection = { client: stage.nextClientEndpoint(), server: stage.serverEndpoint() };
    const listener = await listening(stage);
    await seen(stage, connection, 'server', 'LISTEN');
    await stage.server.abort(listener);
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.client, client, server),
};
