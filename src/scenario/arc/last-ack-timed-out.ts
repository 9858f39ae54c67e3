import { knock } from '../knock.ts';
import { established, seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

export const lastAckTimedOut: Scenario = {
  id: 'last-ack-timed-out',
  title: 'the server closes second, and its FINs are lost until its kernel gives up',
  held: { host: 'server', state: 'CLOSED' },
  peer: 'FIN-WAIT-1',
  heldBy: 'client drops in',
  arcs: { server: [40] },
  async reach(stage) {
    await stage.server.writeSysctl('net.ipv4.tcp_orphan_retries', 1);
    const { connection, clientSocket, serverSocket, listener } = await established(stage);
    // A listener would answer for the connection that is gone.
    await stage.server.close(listener);
    await stage.client.setRule({ hook: 'in', sourcePort: stage.serverPort, fate: 'drop' });
    await stage.client.shutdown(clientSocket);
    await seen(stage, connection, 'server', 'CLOSE-WAIT');
    await stage.server.close(serverSocket);
    await seen(stage, connection, 'server', 'LAST-ACK');
    await seen(stage, connection, 'server', 'CLOSED');
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.client, client, server),
};
