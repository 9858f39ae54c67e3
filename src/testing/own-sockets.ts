import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Server, Socket } from 'node:net';
import type { EnterableHost } from '../lab/host.ts';

/**
 * The sockets and servers that the test process itself has in a host. They are closed with the lab, as if the test had
 * closed them. Otherwise the kernel would reset them, and each would emit an error that no listener handles.
 */
export class OwnSockets {
  readonly #host: EnterableHost;
  readonly #sockets = new Set<Socket>();
  readonly #servers = new Set<Server>();

  constructor(host: EnterableHost) {
    this.#host = host;
    for (const [channel, listener] of this.#subscriptions) subscribe(channel, listener);
  }

  close(): void {
    for (const [channel, listener] of this.#subscriptions) unsubscribe(channel, listener);
    for (const server of this.#servers) if (server.listening) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #onSocket = (message: unknown): void => {
    if (!this.#host.isWithin()) return;
    const { socket } = message as { socket: Socket };
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  };

  #onServer = (message: unknown): void => {
    if (!this.#host.isWithin()) return;
    const { server } = message as { server: Server };
    this.#servers.add(server);
    server.once('close', () => this.#servers.delete(server));
  };

  #subscriptions = [
    ['net.client.socket', this.#onSocket],
    ['net.server.socket', this.#onSocket],
    ['tracing:net.server.listen:asyncStart', this.#onServer],
  ] as const;
}
