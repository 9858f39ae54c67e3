import { established, seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

/** A SYN beyond the old connection's numbers opens a new one out of TIME-WAIT (RFC 9293, 3.10.7.4; RFC 6191). */
export const timeWaitReopened: Scenario = {
  id: 'time-wait-reopened',
  title: 'a client connects again from the port that the server has in TIME-WAIT',
  held: { host: 'server', state: 'SYN-RECEIVED' },
  peer: 'SYN-SENT',
  heldBy: 'client drops in',
  arcs: { server: [43] },
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage);
    await stage.server.close(serverSocket);
    await seen(stage, connection, 'client', 'CLOSE-WAIT');
    await stage.client.close(clientSocket);
    await seen(stage, connection, 'server', 'TIME-WAIT');
    await stage.client.setRule({ hook: 'in', sourcePort: stage.serverPort, fate: 'drop' });
    const again = await stage.client.openSocket();
    await stage.client.bind(again, connection.client);
    await stage.client.connect(again, connection.server);
    return connection;
  },
};
