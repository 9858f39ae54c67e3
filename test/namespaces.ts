import { setImmediate as turn } from 'node:timers/promises';
import { NetworkNamespace } from '../src/kernel/namespace.ts';
import type { PacketCapture } from '../src/kernel/packet-capture.ts';
import * as socket from '../src/kernel/socket.ts';
import { ADDRESSES } from '../src/lab/addresses.ts';
import { layWire } from '../src/lab/wire.ts';
import type { Endpoint, Family } from '../src/tcp/endpoint.ts';

/** Two namespaces joined by a wire. */
export class Pair implements AsyncDisposable {
  readonly client: NetworkNamespace = NetworkNamespace.create();
  readonly server: NetworkNamespace = NetworkNamespace.create();
  readonly #sockets: number[] = [];
  #captures: { client: PacketCapture; server: PacketCapture } | undefined;

  static async open(): Promise<Pair> {
    const pair = new Pair();
    pair.#captures = await layWire(pair);
    return pair;
  }

  get captures(): { client: PacketCapture; server: PacketCapture } {
    if (!this.#captures) throw new Error('not open');
    return this.#captures;
  }

  at(host: 'client' | 'server', port: number, family: Family = 'ipv4'): Endpoint {
    return { address: ADDRESSES[host][family].address, port };
  }

  socket(host: 'client' | 'server', family: Family = 'ipv4'): number {
    return this.keep(this[host].enter(() => socket.openTcpSocket(family)));
  }

  listen(port: number, family: Family = 'ipv4'): number {
    const fd = this.socket('server', family);
    socket.bind(fd, this.at('server', port, family));
    socket.listen(fd, 5);
    return fd;
  }

  connect(from: number, to: number, family: Family = 'ipv4'): number {
    const fd = this.socket('client', family);
    socket.bind(fd, this.at('client', from, family));
    socket.connect(fd, this.at('server', to, family));
    return fd;
  }

  async accept(listener: number): Promise<number> {
    return this.keep(await until('a connection to accept', () => socket.accept(listener)));
  }

  close(fd: number): void {
    this.#sockets.splice(this.#sockets.indexOf(fd), 1);
    socket.close(fd);
  }

  abort(fd: number): void {
    this.#sockets.splice(this.#sockets.indexOf(fd), 1);
    socket.abort(fd);
  }

  keep(fd: number): number {
    this.#sockets.push(fd);
    return fd;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const fd of this.#sockets) socket.close(fd);
    this.client.close();
    this.server.close();
    await Promise.all([this.#captures?.client.close(), this.#captures?.server.close()]);
  }
}

/** Tries until something is given that is neither undefined nor false. */
export async function until<T>(what: string, attempt: () => T): Promise<Exclude<T, undefined | false>> {
  for (const start = performance.now(); performance.now() - start < 20_000; await turn()) {
    const result = attempt();
    if (result !== undefined && result !== false) return result as Exclude<T, undefined | false>;
  }
  throw new Error(`not seen: ${what}`);
}
