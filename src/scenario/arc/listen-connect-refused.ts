import { knock } from '../knock.ts';
import { listening, seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

/** RFC 9293 lets a listener turn to an active open; Linux answers EISCONN, and that refusal is the proof. */
export const listenConnectRefused: Scenario = {
  id: 'listen-connect-refused',
  title: 'a server calls connect() on its listening socket, and Linux refuses',
  held: { host: 'server', state: 'LISTEN' },
  peer: 'CLOSED',
  heldBy: 'connect() fails with EISCONN',
  arcs: { server: [4] },
  async reach(stage) {
    const listener = await listening(stage);
    const connection = { client: stage.nextClientEndpoint(), server: stage.serverEndpoint() };
    await seen(stage, connection, 'server', 'LISTEN');
    stage.note(`connect on a listener: ${await stage.server.connect(listener, connection.client)}`);
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.client, client, server),
};
