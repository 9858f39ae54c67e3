import { knock } from '../knock.ts';
import { established, seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

/** The server only shuts down: an orphan of its own would give up too. */
export const closingTimedOut: Scenario = {
  id: 'closing-timed-out',
  title: "both ends close, and the client's FINs are lost until its kernel gives up",
  held: { host: 'client', state: 'CLOSED' },
  peer: 'FIN-WAIT-1',
  heldBy: 'server drops in',
  arcs: { client: [34] },
  async reach(stage) {
    await stage.client.writeSysctl('net.ipv4.tcp_orphan_retries', 1);
    const { connection, clientSocket, serverSocket } = await established(stage);
    await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate: 'drop' });
    await stage.client.close(clientSocket);
    await seen(stage, connection, 'client', 'FIN-WAIT-1');
    await stage.server.shutdown(serverSocket);
    await seen(stage, connection, 'client', 'CLOSING');
    await seen(stage, connection, 'client', 'CLOSED');
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.server, server, client),
};
