import { mustFit, port } from '../evidence/arguments.ts';
import { object, optional } from '../evidence/shape.ts';
import { openSocketWith, SOCKET_OPTIONS_SHAPE } from '../lab/settings.ts';
import type { SocketOptions } from '../tcp/socket-options.ts';
import type { TestConnection } from './connection.ts';
import { TestHost } from './host.ts';

export interface ConnectOptions {
  /** The server's port; default: the lab's server port. */
  port?: number;
  /** The client's port; default: one that no lab on this machine has used recently. */
  localPort?: number;
  /** Socket options that are set before connect(): `{ TCP_USER_TIMEOUT: 5000 }`. Default: those of the lab. */
  options?: SocketOptions;
}

const CONNECT = object<ConnectOptions>({
  port: optional(port),
  localPort: optional(port),
  options: optional(SOCKET_OPTIONS_SHAPE),
});

/** The host whose sockets connect. */
export class TestClient extends TestHost {
  /**
   * Starts to connect and does not wait, because the handshake may be what the test is about. Throws SystemError where a
   * call fails (EADDRINUSE for `localPort`), USAGE for an option that the kernel rejects; what connect() itself returns is in `connection.client.error()`.
   */
  async connect(options: ConnectOptions = {}): Promise<TestConnection> {
    mustFit('connect() options', CONNECT, options, 'example: lab.client.connect({ port: 8080 })');
    const { port = this.lab.serverPort, localPort, options: socketOptions = {} } = options;
    const { host, lab } = this;
    const server = { address: lab.server.address, port };
    const socket = await openSocketWith(host, socketOptions);
    if (localPort !== undefined) await host.bind(socket, { address: host.address, port: localPort });
    // Beyond the lab's own ports the kernel chooses, from a range that no lab has: only kernel events are not matched there.
    else if (lab.clientPortsLeft > 0) await host.bind(socket, lab.nextClientEndpoint());
    const result = await host.connect(socket, server);
    const { port: ownPort } = await host.localEndpoint(socket);
    const connection = this.connections.begin({ client: { address: host.address, port: ownPort }, server });
    connection.client.adopt(socket, result === 'EINPROGRESS' ? null : result);
    return connection;
  }
}
