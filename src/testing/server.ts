import { mustFit, port } from '../evidence/arguments.ts';
import { object, optional, whole } from '../evidence/shape.ts';
import type { SocketNumber } from '../lab/host.ts';
import { openSocketWith, SOCKET_OPTIONS_SHAPE } from '../lab/settings.ts';
import type { SocketOptions } from '../tcp/socket-options.ts';
import type { TestConnection } from './connection.ts';
import { TestHost } from './host.ts';
import { PATIENCE, type Patience } from './patience.ts';

export interface ListenOptions {
  /** Default: the lab's server port. */
  port?: number;
  /** The length of the accept queue, as for listen(2); default: 5. The kernel holds one connection more. */
  backlog?: number;
  /**
   * Socket options that are set before listen(): `{ SO_RCVBUF: 4096 }`. The connections that it accepts inherit them.
   * Default: those of the lab.
   */
  options?: SocketOptions;
}

const LISTEN = object<ListenOptions>({
  port: optional(port),
  backlog: optional(whole(0, 2 ** 31 - 1)),
  options: optional(SOCKET_OPTIONS_SHAPE),
});

/** A listening socket of the server. */
export interface Listener extends AsyncDisposable {
  readonly port: number;
  /**
   * Waits for the next connection and returns it: the same object that `connect` returned, if the lab's client opened it.
   * Throws TIMEOUT.
   */
  accept(patience?: Patience): Promise<TestConnection>;
  close(): Promise<void>;
}

/** The host that listens. */
export class TestServer extends TestHost {
  readonly #listeners = new Map<number, Listener>();

  /** Throws SystemError where a call fails (EADDRINUSE if the port has a listener), USAGE for an option that the kernel rejects. */
  async listen(options: ListenOptions = {}): Promise<Listener> {
    mustFit('listen() options', LISTEN, options, 'example: lab.server.listen({ port: 8080, backlog: 1 })');
    const { port = this.lab.serverPort, backlog = 5, options: socketOptions = {} } = options;
    const socket = await openSocketWith(this.host, socketOptions);
    // As servers do, because earlier connections of the port may be in TIME-WAIT.
    await this.host.setOption(socket, 'SO_REUSEADDR', 1);
    await this.host.bind(socket, { address: this.address, port });
    await this.host.listen(socket, backlog);
    const close = async () => {
      if (this.#listeners.get(port) !== listener) return;
      this.#listeners.delete(port);
      await this.host.close(socket);
    };
    const listener: Listener = {
      port,
      accept: (patience) => this.#accept(socket, port, patience),
      close,
      [Symbol.asyncDispose]: close,
    };
    this.#listeners.set(port, listener);
    return listener;
  }

  /** @internal The test's listener on this port, if it has one. */
  listener(port: number): Listener | undefined {
    return this.#listeners.get(port);
  }

  async #accept(listener: SocketNumber, port: number, patience: Patience = {}): Promise<TestConnection> {
    mustFit('accept() options', PATIENCE, patience, 'example: listener.accept({ within: 1000 })');
    const [socket, client] = await this.lab.waitFor(
      { failure: `no connection to accept arrived on port ${port}` },
      async () => {
        const accepted = await this.host.accept(listener);
        if (accepted === undefined) return undefined;
        const remote = await this.host.remoteEndpoint(accepted);
        if (remote) return [accepted, remote] as const;
        // Reset in the accept queue: it has no peer.
        await this.host.close(accepted);
        return undefined;
      },
      patience.within,
    );
    const connection = this.connections.get({ client, server: { address: this.address, port } });
    connection.server.adopt(socket);
    return connection;
  }
}
