import { SystemError } from '../error.ts';
import type { Connection } from '../evidence/connection.ts';
import type { SocketNumber } from '../lab/host.ts';
import type { Bench } from './bench.ts';

/** A client of tcplab, with one connection to the program. */
export class Visitor {
  readonly connection: Connection;
  readonly #bench: Bench;
  readonly #socket: SocketNumber;
  #received: Buffer = Buffer.alloc(0);
  /** `open` until the server's FIN or RST was read. */
  ended: 'open' | 'FIN' | 'RST' = 'open';

  constructor(bench: Bench, connection: Connection, socket: SocketNumber) {
    this.#bench = bench;
    this.connection = connection;
    this.#socket = socket;
  }

  /** Sends the request a number of times, as far as the kernel accepts it. */
  async ask(times = 1): Promise<void> {
    const { request } = this.#bench.options.talk;
    const requests = Buffer.concat(Array.from({ length: times }, () => request));
    if (requests.length === 0) return;
    try {
      await this.#bench.lab.client.send(this.#socket, requests);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      this.ended = 'RST';
    }
  }

  /** Reads what has arrived. Returns the number of bytes of the response so far. */
  async read(): Promise<number> {
    while (this.ended === 'open') {
      try {
        const data = await this.#bench.lab.client.receive(this.#socket);
        if (!data) break;
        if (data.length === 0) this.ended = 'FIN';
        this.#received = Buffer.concat([this.#received, data]);
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
        this.ended = 'RST';
      }
    }
    return this.#received.length;
  }

  /** Whether the response is complete. */
  async isAnswered(): Promise<boolean> {
    await this.read();
    return this.#bench.options.talk.isWhole(this.#received, this.ended !== 'open');
  }

  /** Sends the request and waits for the complete response. Returns how long it took, or undefined if there was none in time. */
  async exchange(withinMs?: number): Promise<number | undefined> {
    await this.ask();
    const answered = await this.#bench.until(
      async () => (await this.isAnswered()) || this.ended !== 'open',
      withinMs,
    );
    return (await this.isAnswered()) ? answered?.tookMs : undefined;
  }

  shutdown(): Promise<void> {
    return this.#bench.lab.client.shutdown(this.#socket);
  }

  close(): Promise<void> {
    return this.#bench.lab.client.close(this.#socket);
  }

  abort(): Promise<void> {
    return this.#bench.lab.client.abort(this.#socket);
  }
}
