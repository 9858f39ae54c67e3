import type { TestConnection } from './connection.ts';
import { TestHost } from './host.ts';

export interface ConnectOptions {
  /** Of the server; the lab’s server port if not said. */
  port?: number;
  /** Of the client; one that no lab on this machine has used lately if not said. */
  localPort?: number;
}

/** The host whose sockets connect. */
export class TestClient extends TestHost {
  /** Starts to connect, and does not wait: the handshake may be what the test is about. */
  async connect({ port = this.lab.serverPort, localPort }: ConnectOptions = {}): Promise<TestConnection> {
    const { host, lab } = this;
    const server = { address: lab.server.address, port };
    const socket = await host.openSocket();
    if (localPort !== undefined) await host.bind(socket, { address: host.address, port: localPort });
    // Beyond its own ports the kernel chooses, from a range that no lab has: only kernel events can’t be told apart there.
    else if (lab.clientPortsLeft > 0) await host.bind(socket, lab.nextClientEndpoint());
    const result = await host.connect(socket, server);
    const { port: ownPort } = await host.localEndpoint(socket);
    const connection = this.connections.begin({ client: { address: host.address, port: ownPort }, server });
    connection.client.adopt(socket, result === 'EINPROGRESS' ? null : result);
    return connection;
  }
}
