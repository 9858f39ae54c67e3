import { knock } from '../knock.ts';
import { connecting, listening, seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

export const synSentClosed: Scenario = {
  id: 'syn-sent-closed',
  title: 'a client closes while it is still connecting',
  held: { host: 'client', state: 'CLOSED' },
  peer: 'LISTEN',
  heldBy: 'the client has closed',
  arcs: { client: [11] },
  async reach(stage) {
    await listening(stage);
    await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate: 'drop' });
    const { connection, clientSocket } = await connecting(stage);
    await seen(stage, connection, 'client', 'SYN-SENT');
    await stage.client.close(clientSocket);
    return connection;
  },
  show: (stage, { client, server }) => knock(stage.server, server, client),
};
