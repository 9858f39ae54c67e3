import { knock } from './knock.ts';
import { listening, seen } from './opening.ts';
import type { Scenario } from './scenario.ts';

export const listen: Scenario = {
  id: 'listen',
  title: 'a server listens',
  held: { host: 'server', state: 'LISTEN' },
  peer: 'CLOSED',
  heldBy: 'the server listens',
  ours: { client: 'it must not connect' },
  arcs: { server: [1] },
  async reach(stage) {
    const connection = { client: stage.nextClientEndpoint(), server: stage.serverEndpoint() };
    await listening(stage);
    await seen(stage, connection, 'server', 'LISTEN');
    return connection;
  },
  /** The SYN is answered with SYN-ACK; the client's kernel, which knows of no connection, then resets it. */
  show: (stage, { client, server }) => knock(stage.client, client, server),
};
