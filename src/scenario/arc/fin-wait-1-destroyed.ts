import { clientInFinWait1 } from '../inside.ts';
import type { Scenario } from '../scenario.ts';

export const finWait1Destroyed: Scenario = {
  id: 'fin-wait-1-destroyed',
  title: "an administrator destroys the client's socket before its FIN is acknowledged",
  held: { host: 'client', state: 'CLOSED' },
  peer: 'ESTABLISHED',
  heldBy: 'the socket was destroyed',
  arcs: { client: [60] },
  async reach(stage) {
    const { connection } = await clientInFinWait1(stage);
    await stage.client.destroySocket(connection.client, connection.server);
    return connection;
  },
};
