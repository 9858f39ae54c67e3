import { SystemError } from '../error.ts';
import type { Connection } from '../evidence/connection.ts';
import type { SocketNumber } from '../lab/host.ts';
import type { Bench } from './bench.ts';
import type { Channel } from './channel.ts';
import type { AnswerReader } from './talk/talk.ts';

/** How much of what a program says is kept: the head of an HTTP response, in bytes. */
const SAID_KEPT = 8192;

/** A client of tcplab, with one connection to the program. */
export class Visitor {
  readonly connection: Connection;
  readonly #bench: Bench;
  readonly #socket: SocketNumber;
  readonly #channel: Channel;
  readonly #greeting: AnswerReader | null;
  #response: AnswerReader;
  #isAsked = false;
  #received = 0;
  #isClosed = false;
  /** `open` until the server's FIN, an RST, or another error (its errno) was read. */
  ended: 'open' | 'FIN' | 'RST' | (string & {}) = 'open';

  constructor(bench: Bench, connection: Connection, socket: SocketNumber) {
    this.#bench = bench;
    this.connection = connection;
    this.#socket = socket;
    this.#channel = bench.channel(socket);
    this.#greeting = bench.talk.greeting();
    this.#response = bench.talk.response();
  }

  /**
   * Whether the handshake is over, as connect() tells a client: a connection that the server has already closed again counts as
   * well.
   */
  async isConnected(): Promise<boolean> {
    if (this.#received > 0 || this.ended === 'FIN' || this.ended === 'RST') return true;
    const row = await this.#bench.row(this.connection, 'client');
    if (row && row.state !== 'CLOSED') return row.state !== 'SYN-SENT';
    // Without a connection it is over: the error tells whether it ever began.
    await this.read();
    return this.ended === 'FIN' || this.ended === 'RST';
  }

  /** Whether the server has said what it says first, or nothing is expected of it. */
  async isGreeted(): Promise<boolean> {
    await this.read();
    return (this.#greeting?.isWhole ?? true) && (await this.#channel.isReady());
  }

  /** Sends bytes, as far as the kernel takes them. Gives how many it took. */
  async send(data: Buffer): Promise<number> {
    if (data.length === 0 || this.ended === 'RST') return 0;
    this.#isAsked = true;
    return (await this.#orEnd(() => this.#channel.send(data))) ?? 0;
  }

  /** Sends the request a number of times. */
  async ask(times = 1): Promise<void> {
    const { request } = this.#bench.talk;
    await this.send(Buffer.concat(Array.from({ length: times }, () => request)));
  }

  /** Reads what has arrived. Gives how many bytes there were so far, with the greeting. */
  async read(): Promise<number> {
    while (this.ended === 'open' && !this.#isClosed) {
      const data = await this.#orEnd(() => this.#channel.receive());
      if (!data) break;
      if (data.length > 0) this.#take(Buffer.from(data));
      else {
        this.ended = 'FIN';
        this.#response.end();
      }
    }
    return this.#received;
  }

  #take(data: Buffer): void {
    if (this.#received < SAID_KEPT) this.#bench.said.push(data.subarray(0, SAID_KEPT - this.#received));
    this.#received += data.length;
    if (this.#greeting && !this.#isAsked) this.#greeting.push(data);
    else this.#response.push(data);
  }

  async #orEnd<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      // EPIPE: the RST was already read.
      this.ended = ['ECONNRESET', 'EPIPE'].includes(error.errno) ? 'RST' : error.errno;
      return undefined;
    }
  }

  /** Whether the server has said, in TLS, that nothing more comes. */
  get isNotified(): boolean {
    return this.#channel.isNotified;
  }

  /** Whether the response is complete. */
  async isAnswered(): Promise<boolean> {
    await this.read();
    return this.#bench.talk.request.length === 0 ? await this.isGreeted() : this.#response.isWhole;
  }

  /** Whether the response is complete, and one that a healthy server gives. */
  async isServed(): Promise<boolean> {
    return (await this.isAnswered()) && this.problem === null;
  }

  /** Why the response, though complete, is none that a healthy server gives; null if it is one. */
  get problem(): string | null {
    return this.#greeting?.problem ?? this.#response.problem;
  }

  /**
   * Waits for the greeting, sends the request and waits for the complete response. Gives how long that took, in milliseconds,
   * or undefined if there was none in time.
   */
  async exchange(withinMs: number = this.#bench.withinMs): Promise<number | undefined> {
    const greeted = await this.#bench.until(
      async () => (await this.isGreeted()) || this.ended !== 'open',
      withinMs,
    );
    if (!greeted || !(await this.isGreeted())) return undefined;
    await this.ask();
    const answered = await this.#bench.until(
      async () => (await this.isAnswered()) || this.ended !== 'open',
      withinMs,
    );
    return (await this.isAnswered()) && answered ? greeted.tookMs + answered.tookMs : undefined;
  }

  /** Has the next response read as the first one was. */
  again(): void {
    this.#response = this.#bench.talk.response();
  }

  async shutdown(): Promise<void> {
    await this.#channel.end();
    await this.#bench.lab.client.shutdown(this.#socket);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#channel.end();
    await this.#bench.lab.client.close(this.#socket);
  }

  /** Closes once the server has sent its FIN, as clients do. */
  async closeIfEnded(): Promise<void> {
    if (this.#isClosed) return;
    await this.read();
    if (this.ended !== 'open') await this.close();
  }

  abort(): Promise<void> {
    return this.#bench.lab.client.abort(this.#socket);
  }
}
