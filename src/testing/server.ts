import type { SocketNumber } from '../lab/host.ts';
import type { TestConnection } from './connection.ts';
import { TestHost } from './host.ts';
import type { Patience } from './patience.ts';

export interface ListenOptions {
  /** The lab’s server port if not said. */
  port?: number;
  /** How many connections may wait to be accepted; 5 if not said. */
  backlog?: number;
}

/** A listening socket of the server. */
export interface Listener extends AsyncDisposable {
  readonly port: number;
  /** Waits for the next connection, and gives it: the very object that `connect` gave, where it was the lab’s client. */
  accept(patience?: Patience): Promise<TestConnection>;
  close(): Promise<void>;
}

/** The host that listens. */
export class TestServer extends TestHost {
  readonly #listeners = new Map<number, Listener>();

  async listen({ port = this.lab.serverPort, backlog = 5 }: ListenOptions = {}): Promise<Listener> {
    const socket = await this.host.openSocket();
    // As servers do: connections of the one before may be in TIME-WAIT.
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

  /** @internal The one on this port, if the test has one. */
  listener(port: number): Listener | undefined {
    return this.#listeners.get(port);
  }

  async #accept(listener: SocketNumber, port: number, { within }: Patience = {}): Promise<TestConnection> {
    const [socket, client] = await this.lab.waitFor(
      `a connection to accept on port ${port}`,
      async () => {
        const accepted = await this.host.accept(listener);
        if (accepted === undefined) return undefined;
        const remote = await this.host.remoteEndpoint(accepted);
        if (remote) return [accepted, remote] as const;
        // Reset while it waited: nobody is there.
        await this.host.close(accepted);
        return undefined;
      },
      within,
    );
    const connection = this.connections.get({ client, server: { address: this.address, port } });
    connection.server.adopt(socket);
    return connection;
  }
}
