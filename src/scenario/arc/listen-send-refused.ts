import { knock } from '../knock.ts';
import { listening, seen } from '../opening.ts';
import { errnoOf } from '../refusal.ts';
import type { Scenario } from '../scenario.ts';

/** RFC 9293 lets a SEND turn a listener to an active open; Linux fails with EPIPE, and that refusal is the proof. */
export const listenSendRefused: Scenario = {
  id: 'listen-send-refused',
  title: 'a server calls send() on its listening socket, and Linux refuses',
  held: { host: 'server', state: 'LISTEN' },
  peer: 'CLOSED',
  heldBy: 'send() fails with EPIPE',
  arcs: { server: [44] },
  async reach(stage) {
    const listener = await listening(stage);
    const connection = { client: stage.nextClientEndpoint(), server: stage.serverEndpoint() };
    await seen(stage, connection, 'server', 'LISTEN');
    const refusal = await stage.server.send(listener, Buffer.from('ping')).catch(errnoOf);
    stage.note(`send on a listener: ${refusal}`);
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.client, client, server),
};
