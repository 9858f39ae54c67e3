import { synFrom } from '../crafted.ts';
import { errnoOf } from '../refusal.ts';
import type { ArcScenario } from '../scenario.ts';
import { listen } from './start.ts';

/** RFC 9293 lets a listener turn to an active open. Linux refuses, and that refusal is the proof. */
export const REFUSED: readonly ArcScenario[] = [
  {
    id: 'listen-connect-refused',
    title: 'a server calls connect() on its listening socket, and Linux refuses',
    held: { host: 'server', state: 'LISTEN' },
    peer: 'CLOSED',
    heldBy: 'connect() fails with EISCONN',
    arcs: { server: [4] },
    withheld: { host: 'server', call: 'connect' },
    async reach(stage) {
      const { connection, socket } = await listen.reach(stage);
      stage.note(`connect on a listener: ${await stage.server.connect(socket, connection.client)}`);
      return connection;
    },
    show: synFrom('client'),
  },
  {
    id: 'listen-send-refused',
    title: 'a server calls send() on its listening socket, and Linux refuses',
    held: { host: 'server', state: 'LISTEN' },
    peer: 'CLOSED',
    heldBy: 'send() fails with EPIPE',
    arcs: { server: [44] },
    withheld: { host: 'server', call: 'send' },
    async reach(stage) {
      const { connection, socket } = await listen.reach(stage);
      const refusal = await stage.server.send(socket, Buffer.from('ping')).catch(errnoOf);
      stage.note(`send on a listener: ${refusal}`);
      return connection;
    },
    show: synFrom('client'),
  },
];
