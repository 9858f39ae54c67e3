import { established as open } from './opening.ts';
import type { Scenario } from './scenario.ts';

export const established: Scenario = {
  id: 'established',
  title: 'a handshake, then data in both directions',
  held: { host: 'client', state: 'ESTABLISHED' },
  peer: 'ESTABLISHED',
  heldBy: 'neither end closes',
  arcs: { client: [6], server: [12] },
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await open(stage);
    if (stage.hasPrograms) return connection;
    await stage.client.send(clientSocket, Buffer.from('ping'));
    await stage.waitFor({ failure: 'the server did not receive the data' }, () =>
      stage.server.receive(serverSocket),
    );
    await stage.server.send(serverSocket, Buffer.from('pong'));
    await stage.waitFor({ failure: 'the client did not receive the data' }, () =>
      stage.client.receive(clientSocket),
    );
    return connection;
  },
};
