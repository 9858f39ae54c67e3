import { TcplabError } from '../error.ts';
import { type Connection, endOf } from '../evidence/connection.ts';
import { type HostName, otherHost } from '../evidence/events.ts';
import { rowOf, stateInTable } from '../evidence/witness/socket-table.ts';
import type { SocketOption } from '../kernel/socket.ts';
import type { SocketNumber } from '../lab/host.ts';
import type { Lab } from '../lab/lab.ts';
import { type Endpoint, formatEndpoint } from '../tcp/endpoint.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { State } from '../tcp/state.ts';
import type { Patience } from './patience.ts';

/** Why an end can't be told to do anything. */
const NOT_OURS =
  'its socket is not the lab’s own, but a program’s or the test’s, or waits to be accepted (listener.accept())';
const CLOSED = 'it was closed or reset before';

/** One end of a connection: what it can be told to do, and what its host’s socket table says of it. */
export class TestEnd {
  readonly host: HostName;
  readonly #lab: Lab;
  readonly #connection: Connection;
  #socket: SocketNumber | undefined;
  #why: string = NOT_OURS;
  /** What connect() itself gave, which SO_ERROR then does not. */
  #error: string | null = null;

  constructor(lab: Lab, connection: Connection, host: HostName) {
    this.#lab = lab;
    this.#connection = connection;
    this.host = host;
  }

  get local(): Endpoint {
    return this.#connection[this.host];
  }

  get remote(): Endpoint {
    return this.#connection[otherHost(this.host)];
  }

  /** @internal The socket of this host that is this end. */
  adopt(socket: SocketNumber, error: string | null = null): void {
    this.#socket = socket;
    this.#error = error;
  }

  /** @internal */
  get isOurs(): boolean {
    return this.#socket !== undefined;
  }

  /** Sends it all: waits while the kernel takes no more. */
  async send(data: string | Uint8Array, { within }: Patience = {}): Promise<void> {
    const socket = this.#own('send');
    let rest = Buffer.from(data);
    await this.#lab.waitFor(
      `the ${this.host} to send ${rest.length} octets`,
      async () => {
        if (rest.length > 0) rest = rest.subarray(await this.#lab.host(this.host).send(socket, rest));
        return rest.length === 0;
      },
      within,
    );
  }

  /** What has come, as soon as there is something; empty after the peer’s FIN. */
  async receive({ within }: Patience = {}): Promise<Buffer> {
    const socket = this.#own('receive');
    const received = await this.#lab.waitFor(
      `the ${this.host} to receive something`,
      () => this.#lab.host(this.host).receive(socket),
      within,
    );
    return Buffer.from(received);
  }

  /** shutdown(SHUT_WR): it has sent its last, and still receives. */
  async shutdown(): Promise<void> {
    await this.#lab.host(this.host).shutdown(this.#own('shut down'));
  }

  async close(): Promise<void> {
    await this.#lab.host(this.host).close(this.#giveUp('close'));
  }

  /** Closes with an RST. */
  async reset(): Promise<void> {
    await this.#lab.host(this.host).abort(this.#giveUp('reset'));
  }

  async setOption(option: SocketOption, value: number): Promise<void> {
    await this.#lab.host(this.host).setOption(this.#own('set an option'), option, value);
  }

  /** SO_ERROR: the errno’s name (`ECONNREFUSED`, `ETIMEDOUT`), or null. Reading clears it. */
  async error(): Promise<string | null> {
    const socket = this.#own('read its error');
    const error = this.#error ?? (await this.#lab.host(this.host).takeError(socket));
    this.#error = null;
    return error;
  }

  /** By the socket table, now: CLOSED when it has no row. */
  async state(): Promise<State> {
    return stateInTable((await this.#lab.observe())[this.host], this.#end);
  }

  /** Its row in the socket table, now, with its queues and timers. */
  async socket(): Promise<SocketRow | undefined> {
    return rowOf((await this.#lab.observe())[this.host], this.#end);
  }

  toString(): string {
    return `${formatEndpoint(this.local)} (${this.host})`;
  }

  get #end() {
    return endOf(this.#connection, this.host, 'CLOSED');
  }

  #own(what: string): SocketNumber {
    if (this.#socket !== undefined) return this.#socket;
    throw new TcplabError('USAGE', `the ${this.host}’s end can’t ${what}: ${this.#why}`);
  }

  #giveUp(what: string): SocketNumber {
    const socket = this.#own(what);
    this.#socket = undefined;
    this.#why = CLOSED;
    return socket;
  }
}

/** A connection of a lab, by its two endpoints: whoever made it, and whatever has become of it. */
export class TestConnection {
  readonly client: TestEnd;
  readonly server: TestEnd;
  readonly #lab: Lab;

  constructor(lab: Lab, { client, server }: Connection) {
    this.#lab = lab;
    this.client = new TestEnd(lab, { client, server }, 'client');
    this.server = new TestEnd(lab, { client, server }, 'server');
  }

  /** @internal The lab that it is in. */
  get lab(): Lab {
    return this.#lab;
  }

  get endpoints(): Connection {
    return { client: this.client.local, server: this.server.local };
  }

  toString(): string {
    return `${formatEndpoint(this.client.local)} → ${formatEndpoint(this.server.local)}`;
  }
}
