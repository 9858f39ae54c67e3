import { knock } from '../knock.ts';
import { established, seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

export const finWait1TimedOut: Scenario = {
  id: 'fin-wait-1-timed-out',
  title: "a client's FINs are lost until its kernel gives up",
  held: { host: 'client', state: 'CLOSED' },
  peer: 'ESTABLISHED',
  heldBy: 'server drops in',
  arcs: { client: [28] },
  async reach(stage) {
    await stage.client.writeSysctl('net.ipv4.tcp_orphan_retries', 1);
    const { connection, clientSocket } = await established(stage);
    await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate: 'drop' });
    await stage.client.close(clientSocket);
    await seen(stage, connection, 'client', 'FIN-WAIT-1');
    await seen(stage, connection, 'client', 'CLOSED');
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.server, server, client),
};
