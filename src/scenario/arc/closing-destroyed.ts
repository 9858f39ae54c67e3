import { clientInClosing } from '../inside.ts';
import { knock } from '../knock.ts';
import type { Scenario } from '../scenario.ts';

export const closingDestroyed: Scenario = {
  id: 'closing-destroyed',
  title: "both ends have shut down, and an administrator destroys the client's socket",
  held: { host: 'client', state: 'CLOSED' },
  peer: 'FIN-WAIT-1',
  heldBy: 'the socket was destroyed',
  arcs: { client: [73] },
  async reach(stage) {
    const { connection } = await clientInClosing(stage);
    await stage.client.destroySocket(connection.client, connection.server);
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.server, server, client),
};
