import { knock } from '../knock.ts';
import { established, seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

export const finWait2TimedOut: Scenario = {
  id: 'fin-wait-2-timed-out',
  title: "a client has closed, the server never does, and the client's kernel gives up",
  held: { host: 'client', state: 'CLOSED' },
  peer: 'CLOSE-WAIT',
  heldBy: 'the server never closes',
  arcs: { client: [31] },
  async reach(stage) {
    await stage.client.writeSysctl('net.ipv4.tcp_fin_timeout', 1);
    const { connection, clientSocket } = await established(stage);
    await stage.client.close(clientSocket);
    await seen(stage, connection, 'client', 'FIN-WAIT-2');
    await seen(stage, connection, 'client', 'CLOSED');
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.server, server, client),
};
