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
    await stage.client.writeSysctl('net.ipv4.tcp_syn_retries', 1);
    // Linux 6.5 and later retransmit that many times more, each after a second.
    const linear = 'net.ipv4.tcp_syn_linear_timeouts';
    if ((await stage.client.readSysctl(linear)) !== undefined) await stage.client.writeSysctl(linear, 0);
    await listening(stage);
    await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate: 'drop' });
    const startMs = stage.nowMs();
    const { connection, clientSocket } = await connecting(stage);
    await stage.observe();
    await failure(stage, clientSocket, 'no answer', startMs);
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.server, server, client),
};
