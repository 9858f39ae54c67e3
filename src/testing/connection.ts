import { isUint8Array } from 'node:util/types';
import { TcplabError } from '../error.ts';
import { fitting, mustFit } from '../evidence/arguments.ts';
import { type Connection, endOf } from '../evidence/connection.ts';
import { type HostName, otherHost } from '../evidence/events.ts';
import { rowOf, stateInTable } from '../evidence/witness/socket-table.ts';
import { OPTION, OPTION_VALUE } from '../lab/guarded-host.ts';
import type { SocketNumber } from '../lab/host.ts';
import type { Lab } from '../lab/lab.ts';
import { type Endpoint, formatEndpoint } from '../tcp/endpoint.ts';
import type { SocketOption } from '../tcp/socket-options.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { State } from '../tcp/state.ts';
import { PATIENCE, type Patience } from './patience.ts';

/** Why an end can't act. */
const NOT_OURS =
  "its socket is a program's or the test's, or waits in the accept queue (listener.accept() takes it)";
const CLOSED = 'it is already closed or reset';
const DATA = fitting<string | Uint8Array>(
  'text, a Buffer or a Uint8Array',
  (value) => typeof value === 'string' || isUint8Array(value),
);

/** One end of a connection: its actions, and its row in the socket table of its host. */
export class TestEnd {
  readonly host: HostName;
  readonly #lab: Lab;
  readonly #connection: Connection;
  #socket: SocketNumber | undefined;
  #why: string = NOT_OURS;
  /** What connect() itself returned: SO_ERROR does not have it. */
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

  /** @internal Takes the socket of this host that is this end. */
  adopt(socket: SocketNumber, error: string | null = null): void {
    this.#socket = socket;
    this.#error = error;
  }

  /** @internal */
  get isOurs(): boolean {
    return this.#socket !== undefined;
  }

  /** Sends all of the data; waits while the kernel accepts no more. Throws TIMEOUT, or SystemError (EPIPE, ECONNRESET). */
  async send(data: string | Uint8Array, patience: Patience = {}): Promise<void> {
    mustFit('send() data', DATA, data, "example: connection.client.send('hello')");
    mustFit('send() options', PATIENCE, patience, 'example: connection.client.send(data, { within: 1000 })');
    const socket = this.#own('send');
    let rest = Buffer.from(data as Uint8Array);
    await this.#lab.waitFor(
      { failure: `the ${this.host} did not send ${rest.length} bytes` },
      async () => {
        if (rest.length > 0) rest = rest.subarray(await this.#lab.host(this.host).send(socket, rest));
        return rest.length === 0;
      },
      patience.within,
    );
  }

  /** The next bytes, as soon as there are any; empty after the peer's FIN. Throws TIMEOUT, or SystemError (ECONNRESET). */
  async receive(patience: Patience = {}): Promise<Buffer> {
    mustFit('receive() options', PATIENCE, patience, 'example: connection.server.receive({ within: 1000 })');
    const socket = this.#own('receive');
    const received = await this.#lab.waitFor(
      { failure: `the ${this.host} received nothing` },
      () => this.#lab.host(this.host).receive(socket),
      patience.within,
    );
    return Buffer.from(received);
  }

  /** shutdown(SHUT_WR): sends a FIN; the end still receives. */
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

  /** Sets a socket option (socket(7), tcp(7)) to an int. Throws SystemError, EINVAL for a wrong value. */
  async setOption(option: SocketOption, value: number): Promise<void> {
    mustFit('setOption() option', OPTION, option);
    mustFit('setOption() value', OPTION_VALUE, value);
    await this.#lab.host(this.host).setOption(this.#own('set an option'), option, value);
  }

  /** SO_ERROR: the name of the errno (`ECONNREFUSED`, `ETIMEDOUT`), or null. Reading clears it. */
  async error(): Promise<string | null> {
    const socket = this.#own('read its error');
    const error = this.#error ?? (await this.#lab.host(this.host).takeError(socket));
    this.#error = null;
    return error;
  }

  /** The state in the socket table, now; CLOSED if it has no row. */
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
    throw new TcplabError('USAGE', `the ${this.host}'s end can't ${what}: ${this.#why}`);
  }

  #giveUp(what: string): SocketNumber {
    const socket = this.#own(what);
    this.#socket = undefined;
    this.#why = CLOSED;
    return socket;
  }
}

/** A connection of a lab, by its two endpoints: whichever program opened it, and whatever its state. */
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

/** Throws USAGE for anything but a connection; a Promise of one is the usual mistake. */
export function mustBeConnection(call: string, value: unknown): asserts value is TestConnection {
  const shape = fitting<TestConnection>('a connection of a lab', (given) => given instanceof TestConnection);
  const example =
    'await lab.connected(), await lab.client.connect() or await listener.accept() returns a connection';
  mustFit(`${call}() connection`, shape, value, example);
}
