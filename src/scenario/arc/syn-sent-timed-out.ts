import { knock } from '../knock.ts';
import { connecting, listening } from '../opening.ts';
import { failure } from '../refusal.ts';
import type { Scenario } from '../scenario.ts';

export const synSentTimedOut: Scenario = {
  id: 'syn-sent-timed-out',
  title: "a firewall drops a client's SYNs until it gives up",
  held: { host: 'client', state: 'CLOSED' },
  peer: 'LISTEN',
  heldBy: 'server drops in',
  arcs: { client: [10] },
  async reach(stage) {
    await listening(stage);
    await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate: 'drop' });
    const startMs = stage.nowMs();
    // The user timeout (RFC 9293, 3.8.3) is looked at when the first SYN is sent again, after a second.
    const { connection, clientSocket } = await connecting(stage, { options: { TCP_USER_TIMEOUT: 100 } });
    await stage.observe();
    await failure(stage, clientSocket, 'no answer', startMs);
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.server, server, client),
};
