import { clientInSynSent } from '../inside.ts';
import { knock } from '../knock.ts';
import type { Scenario } from '../scenario.ts';

export const synSentAborted: Scenario = {
  id: 'syn-sent-aborted',
  title: 'a client aborts while it is still connecting, which sends nothing',
  held: { host: 'client', state: 'CLOSED' },
  peer: 'LISTEN',
  heldBy: 'the connection was aborted',
  arcs: { client: [47] },
  async reach(stage) {
    const { connection, socket } = await clientInSynSent(stage);
    await stage.client.abort(socket);
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.server, server, client),
};
