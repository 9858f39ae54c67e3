import { clientInFinWait2 } from '../inside.ts';
import type { Scenario } from '../scenario.ts';

export const finWait2Destroyed: Scenario = {
  id: 'fin-wait-2-destroyed',
  title: "an administrator destroys the client's socket, which waits for the server's FIN",
  held: { host: 'client', state: 'CLOSED' },
  peer: 'CLOSED',
  heldBy: 'the socket was destroyed',
  arcs: { client: [65] },
  async reach(stage) {
    const { connection } = await clientInFinWait2(stage);
    await stage.client.destroySocket(connection.client, connection.server);
    return connection;
  },
};
