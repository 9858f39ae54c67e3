import { knock } from '../knock.ts';
import { established } from '../opening.ts';
import { failure } from '../refusal.ts';
import type { Scenario } from '../scenario.ts';

/** With tcp_retries2 = 1 the kernel gives up at the first retransmission after 600 ms (tcp_timer.c, tcp_model_timeout). */
export const establishedTimedOut: Scenario = {
  id: 'established-timed-out',
  title: "the server never acknowledges a client's data, and the client gives up",
  held: { host: 'client', state: 'CLOSED' },
  peer: 'ESTABLISHED',
  heldBy: 'server drops in',
  arcs: { client: [21] },
  async reach(stage) {
    await stage.client.writeSysctl('net.ipv4.tcp_retries2', 1);
    const { connection, clientSocket } = await established(stage);
    await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate: 'drop' });
    const startMs = stage.nowMs();
    await stage.client.send(clientSocket, Buffer.from('ping'));
    await stage.observe();
    await failure(stage, clientSocket, 'no acknowledgment', startMs);
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.server, server, client),
};
