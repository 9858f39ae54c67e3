import { knock } from '../knock.ts';
import { established } from '../opening.ts';
import { failure } from '../refusal.ts';
import type { Scenario } from '../scenario.ts';

/** One second is the shortest that the kernel takes for both times. */
export const establishedKeepaliveTimedOut: Scenario = {
  id: 'established-keepalive-timed-out',
  title: "the server does not answer a client's keepalive probe, and the client gives up",
  held: { host: 'client', state: 'CLOSED' },
  peer: 'ESTABLISHED',
  heldBy: 'server drops in',
  arcs: { client: [22] },
  async reach(stage) {
    const { connection, clientSocket } = await established(stage);
    await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate: 'drop' });
    await stage.client.setOption(clientSocket, 'TCP_KEEPIDLE', 1);
    await stage.client.setOption(clientSocket, 'TCP_KEEPINTVL', 1);
    await stage.client.setOption(clientSocket, 'TCP_KEEPCNT', 1);
    const startMs = stage.nowMs();
    await stage.client.setOption(clientSocket, 'SO_KEEPALIVE', 1);
    await stage.observe();
    await failure(stage, clientSocket, 'no answer', startMs);
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.server, server, client),
};
