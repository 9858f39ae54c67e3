import { serverInLastAck } from '../inside.ts';
import { knock } from '../knock.ts';
import type { Scenario } from '../scenario.ts';

export const lastAckAborted: Scenario = {
  id: 'last-ack-aborted',
  title: 'the server shuts down second, and aborts, which sends nothing',
  held: { host: 'server', state: 'CLOSED' },
  peer: 'FIN-WAIT-1',
  heldBy: 'the connection was aborted',
  arcs: { server: [75] },
  async reach(stage) {
    const { connection, socket } = await serverInLastAck(stage);
    await stage.server.abort(socket);
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.client, client, server),
};
