import { clientInFinWait1 } from '../inside.ts';
import type { Scenario } from '../scenario.ts';

export const finWait1Aborted: Scenario = {
  id: 'fin-wait-1-aborted',
  title: 'a client has shut down, and aborts before its FIN is acknowledged',
  held: { host: 'client', state: 'CLOSED' },
  peer: 'ESTABLISHED',
  heldBy: 'the connection was aborted',
  arcs: { client: [59] },
  async reach(stage) {
    const { connection, socket } = await clientInFinWait1(stage);
    await stage.client.abort(socket);
    return connection;
  },
};
