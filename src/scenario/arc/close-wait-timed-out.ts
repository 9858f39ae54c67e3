import { deafen, serverInCloseWait } from '../inside.ts';
import { knock } from '../knock.ts';
import { seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

export const closeWaitTimedOut: Scenario = {
  id: 'close-wait-timed-out',
  title: 'the client never acknowledges what the server sends in CLOSE-WAIT',
  held: { host: 'server', state: 'CLOSED' },
  peer: 'FIN-WAIT-2',
  heldBy: 'client drops in',
  arcs: { server: [68] },
  async reach(stage) {
    await stage.server.writeSysctl('net.ipv4.tcp_retries2', 1);
    const { connection, socket } = await serverInCloseWait(stage);
    await deafen(stage, 'client');
    await stage.server.send(socket, Buffer.from('late'));
    await seen(stage, connection, 'server', 'CLOSED');
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.client, client, server),
};
