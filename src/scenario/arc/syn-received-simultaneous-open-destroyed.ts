import { clientInSynReceived } from '../inside.ts';
import type { Scenario } from '../scenario.ts';

export const synReceivedSimultaneousOpenDestroyed: Scenario = {
  id: 'syn-received-simultaneous-open-destroyed',
  title: "an administrator destroys the client's socket before its simultaneous open is complete",
  held: { host: 'client', state: 'CLOSED' },
  peer: 'SYN-SENT',
  heldBy: 'the socket was destroyed',
  arcs: { client: [55] },
  async reach(stage) {
    const { connection } = await clientInSynReceived(stage);
    await stage.client.destroySocket(connection.client, connection.server);
    return connection;
  },
};
