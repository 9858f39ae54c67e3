import { SystemError } from '../../error.ts';
import type { Connection } from '../../evidence/connection.ts';
import type { HostName } from '../../evidence/events.ts';
import type { Host, SocketNumber } from '../../lab/host.ts';
import type { Lab } from '../../lab/lab.ts';
import { patternFrom } from './pattern.ts';

/** How much of what arrives is kept, in bytes: enough for a relay's answer. */
const KEPT = 4096;

/** One of tcplab's two ends of what goes through a relay: the client's, or the server's. */
export class End {
  readonly lab: Lab;
  readonly name: HostName;
  readonly connection: Connection;
  readonly socket: SocketNumber;
  /** Bytes so far. */
  received = 0;
  sent = 0;
  /** `open` until the relay's FIN, an RST, or another error (its errno) was read. */
  ended: 'open' | 'FIN' | 'RST' | (string & {}) = 'open';
  /** The first bytes that arrived. */
  heard: Buffer = Buffer.alloc(0);
  /** Whether all that arrived since `expectPattern` is what was sent. */
  isIntact = true;
  #patternFrom: number | undefined;
  #isClosed = false;

  constructor(lab: Lab, name: HostName, socket: SocketNumber, connection: Connection) {
    this.lab = lab;
    this.name = name;
    this.socket = socket;
    this.connection = connection;
  }

  get #host(): Host {
    return this.lab.host(this.name);
  }

  /** Gives how many bytes the kernel took. */
  async send(data: Uint8Array): Promise<number> {
    if (this.ended !== 'open' && this.ended !== 'FIN') return 0;
    // What the peer's RST has taken from the socket is not told a second time.
    const took = (await this.#orEnd(() => this.#host.send(this.socket, data))) ?? 0;
    this.sent += took;
    return took;
  }

  /** Reads all that has arrived. Gives how many bytes there were so far. */
  async read(): Promise<number> {
    while (this.ended === 'open' && !this.#isClosed) {
      const data = await this.#orEnd(() => this.#host.receive(this.socket));
      if (!data) break;
      if (data.length === 0) this.ended = 'FIN';
      else this.#take(data);
    }
    return this.received;
  }

  #take(data: Uint8Array): void {
    if (this.heard.length < KEPT)
      this.heard = Buffer.concat([this.heard, data.subarray(0, KEPT - this.heard.length)]);
    if (this.#patternFrom !== undefined) {
      const expected = patternFrom(this.received - this.#patternFrom, data.length);
      if (!expected.equals(data)) this.isIntact = false;
    }
    this.received += data.length;
  }

  /** What arrives from now on is compared with the pattern. */
  expectPattern(): void {
    this.#patternFrom = this.received;
  }

  async shutdown(): Promise<void> {
    await this.#host.shutdown(this.socket);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#host.close(this.socket);
  }

  async abort(): Promise<void> {
    this.#isClosed = true;
    await this.#host.abort(this.socket);
  }

  /** Drops all that it sends and all that is sent to it, as a pulled cable does. */
  async cut(): Promise<void> {
    const { port } = this.name === 'client' ? this.connection.client : this.connection.server;
    await this.#host.setRule({ hook: 'in', destinationPort: port, fate: 'drop' });
    await this.#host.setRule({ hook: 'out', sourcePort: port, fate: 'drop' });
  }

  async #orEnd<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      this.ended = ['ECONNRESET', 'EPIPE'].includes(error.errno) ? 'RST' : error.errno;
      return undefined;
    }
  }
}
