import { SERVER_PORT } from '../lab/addresses.ts';
import type { Scenario } from './scenario.ts';

/** Nobody listens: both ends connect to each other (RFC 9293, 3.5, figure 7), and one of them hears nothing. */
export const synReceivedSimultaneousOpen: Scenario = {
  id: 'syn-received-simultaneous-open',
  title: 'both ends connect to each other, and only the client hears the other',
  held: { host: 'client', state: 'SYN-RECEIVED' },
  peer: 'SYN-SENT',
  heldBy: 'server drops in',
  async reach(stage) {
    const { client, server } = stage;
    const connection = { client: stage.nextClientEndpoint(), server: stage.serverEndpoint() };
    await server.setRule({ hook: 'in', destinationPort: SERVER_PORT, fate: 'drop' });
    const [clientSocket, serverSocket] = [await client.openSocket(), await server.openSocket()];
    await client.bind(clientSocket, connection.client);
    await server.bind(serverSocket, connection.server);
    await client.connect(clientSocket, connection.server);
    await server.connect(serverSocket, connection.client);
    return connection;
  },
};
