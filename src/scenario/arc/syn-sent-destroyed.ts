import { clientInSynSent } from '../inside.ts';
import { knock } from '../knock.ts';
import type { Scenario } from '../scenario.ts';

export const synSentDestroyed: Scenario = {
  id: 'syn-sent-destroyed',
  title: "an administrator destroys the client's socket while it is still connecting",
  held: { host: 'client', state: 'CLOSED' },
  peer: 'LISTEN',
  heldBy: 'the socket was destroyed',
  arcs: { client: [48] },
  async reach(stage) {
    const { connection } = await clientInSynSent(stage);
    await stage.client.destroySocket(connection.client, connection.server);
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.server, server, client),
};
