import { knock } from '../knock.ts';
import { established } from '../opening.ts';
import { failure } from '../refusal.ts';
import type { Scenario } from '../scenario.ts';

export const establishedTimedOut: Scenario = {
  id: 'established-timed-out',
  title: "the server never acknowledges a client's data, and the client gives up",
  held: { host: 'client', state: 'CLOSED' },
  peer: 'ESTABLISHED',
  heldBy: 'server drops in',
  arcs: { client: [21] },
  async reach(stage) {
    const { connection, clientSocket } = await established(stage);
    await stage.client.setOption(clientSocket, 'TCP_USER_TIMEOUT', 300);
    await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate: 'drop' });
    const startMs = stage.nowMs();
    await stage.client.send(clientSocket, Buffer.from('ping'));
    await stage.observe();
    await failure(stage, clientSocket, 'no acknowledgment', startMs);
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.server, server, client),
};
