import { clientInSynReceived } from '../inside.ts';
import type { Scenario } from '../scenario.ts';

export const synReceivedSimultaneousOpenAborted: Scenario = {
  id: 'syn-received-simultaneous-open-aborted',
  title: 'a client aborts before its simultaneous open is complete',
  held: { host: 'client', state: 'CLOSED' },
  peer: 'SYN-SENT',
  heldBy: 'the connection was aborted',
  arcs: { client: [54] },
  async reach(stage) {
    const { connection, socket } = await clientInSynReceived(stage);
    await stage.client.abort(socket);
    return connection;
  },
};
