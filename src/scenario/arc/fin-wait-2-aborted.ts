import { clientInFinWait2 } from '../inside.ts';
import type { Scenario } from '../scenario.ts';

export const finWait2Aborted: Scenario = {
  id: 'fin-wait-2-aborted',
  title: 'a client has shut down, and aborts before the server closes',
  held: { host: 'client', state: 'CLOSED' },
  peer: 'CLOSED',
  heldBy: 'the connection was aborted',
  arcs: { client: [64] },
  async reach(stage) {
    const { connection, socket } = await clientInFinWait2(stage);
    await stage.client.abort(socket);
    return connection;
  },
};
