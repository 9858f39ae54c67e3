import { clientInClosing } from '../inside.ts';
import { knock } from '../knock.ts';
import type { Scenario } from '../scenario.ts';

export const closingAborted: Scenario = {
  id: 'closing-aborted',
  title: 'both ends have shut down, and the client aborts, which sends nothing',
  held: { host: 'client', state: 'CLOSED' },
  peer: 'FIN-WAIT-1',
  heldBy: 'the connection was aborted',
  arcs: { client: [72] },
  async reach(stage) {
    const { connection, socket } = await clientInClosing(stage);
    await stage.client.abort(socket);
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.server, server, client),
};
