import { endOf } from '../evidence/connection.ts';
import { rowOf } from '../evidence/witness/socket-table.ts';
import { established, seen } from './opening.ts';
import type { Scenario } from './scenario.ts';

/** A timer runs in CLOSE-WAIT while data is under way: what it sends is acknowledged or fails as in ESTABLISHED. */
export const closeWaitSending: Scenario = {
  id: 'close-wait-sending',
  title: 'a client has shut down, and the server still sends data that is never acknowledged',
  held: { host: 'server', state: 'CLOSE-WAIT' },
  peer: 'FIN-WAIT-2',
  heldBy: 'client drops in',
  conditions: ['retransmission-timer'],
  ours: { server: "it must send after the client's FIN" },
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage);
    await stage.client.shutdown(clientSocket);
    await seen(stage, connection, 'client', 'FIN-WAIT-2');
    await seen(stage, connection, 'server', 'CLOSE-WAIT');
    await stage.client.setRule({ hook: 'in', sourcePort: stage.serverPort, fate: 'drop' });
    await stage.server.send(serverSocket, Buffer.from('a long response'));
    const end = endOf(connection, 'server', 'CLOSE-WAIT');
    await stage.waitFor({ failure: "the server's retransmission timer did not start" }, async () => {
      return rowOf((await stage.observe()).server, end)?.timer === 'retransmission';
    });
    return connection;
  },
};
