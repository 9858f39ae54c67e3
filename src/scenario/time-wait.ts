import { established } from './opening.ts';
import type { Scenario } from './scenario.ts';

export const timeWait: Scenario = {
  id: 'time-wait',
  title: 'a client closes first, and the server closes at once',
  held: { host: 'client', state: 'TIME-WAIT' },
  peer: 'CLOSED',
  heldBy: 'the kernel: 2 MSL, 60 s',
  arcs: { server: [38] },
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage);
    // The server's ACK waits for something to go with: its FIN, so that the close takes three segments.
    await stage.server.setOption(serverSocket, 'TCP_QUICKACK', 0);
    await stage.client.close(clientSocket);
    await stage.waitFor({ failure: "the server did not read the end of the client's data" }, () =>
      stage.server.receive(serverSocket),
    );
    await stage.server.close(serverSocket);
    return connection;
  },
};
