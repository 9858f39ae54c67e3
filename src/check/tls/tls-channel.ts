import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { connect, TLSSocket as Secured, type TLSSocket } from 'node:tls';
import { SystemError } from '../../error.ts';
import type { Host, SocketNumber } from '../../lab/host.ts';
import type { Channel } from '../channel.ts';

/** Both ends of TLS; names and keys are in PEM. */
export type TlsRole =
  | { role: 'client'; name: string; protocols: string[] }
  | { role: 'server'; key: string; certificate: string; protocols: string[] };

/** The peer may have reset the connection by now. */
function ofSocket(error: unknown): void {
  if (!(error instanceof SystemError)) throw error;
}

/** More than this waits in here for the kernel: then no more is taken. In bytes. */
const MOST_WAITING = 256 * 1024;

/** TLS on a connection of tcplab's own: Node's, which gets its bytes from the socket by way of the lab. */
export class TlsChannel implements Channel {
  readonly #host: Host;
  readonly #socket: SocketNumber;
  readonly #wire: Duplex;
  readonly #secured: TLSSocket;
  #toSend: Buffer = Buffer.alloc(0);
  #received: Buffer[] = [];
  #isReady = false;
  /** Our own close_notify is sent. */
  #isEnded = false;
  /** The peer's close_notify has arrived. */
  #isNotified = false;
  #isWireOver = false;
  /** Why TLS failed, in Node's or OpenSSL's words. */
  #failure: string | null = null;

  constructor(host: Host, socket: SocketNumber, options: TlsRole) {
    this.#host = host;
    this.#socket = socket;
    this.#wire = new Duplex({
      read() {},
      write: (data: Buffer, _, done) => {
        this.#toSend = Buffer.concat([this.#toSend, data]);
        done();
      },
    });
    this.#secured = this.#begin(options);
    this.#secured
      .on('data', (data: Buffer) => this.#received.push(data))
      .on('end', () => {
        this.#isNotified ||= !this.#isWireOver;
      })
      .on('error', (error: NodeJS.ErrnoException) => {
        this.#failure ??= error.code ?? error.message;
      });
  }

  #begin(options: TlsRole): TLSSocket {
    const isReady = () => {
      this.#isReady = true;
    };
    if (options.role === 'server') {
      const { key, certificate: cert, protocols: ALPNProtocols } = options;
      return new Secured(this.#wire, { isServer: true, key, cert, ALPNProtocols }).on('secure', isReady);
    }
    // The program's certificate is its own affair, and is not what is tested.
    const { name: servername, protocols: ALPNProtocols } = options;
    const how = { socket: this.#wire, servername, ALPNProtocols, rejectUnauthorized: false };
    return connect(how).on('secureConnect', isReady);
  }

  /** Whether the peer has said that nothing more comes (RFC 8446, 6.1): without it, an attacker may have cut the data. */
  get isNotified(): boolean {
    return this.#isNotified;
  }

  async isReady(): Promise<boolean> {
    await this.#move();
    return this.#isReady;
  }

  async send(data: Uint8Array): Promise<number> {
    await this.#move();
    if (!this.#isReady || this.#toSend.length > MOST_WAITING) return 0;
    this.#secured.write(data);
    await this.#move();
    return data.length;
  }

  async receive(): Promise<Uint8Array | undefined> {
    await this.#move();
    const data = this.#received.splice(0);
    if (data.length > 0) return Buffer.concat(data);
    if (this.#failure !== null) throw new SystemError('TLS', this.#failure);
    return this.#isNotified || this.#isWireOver ? Buffer.alloc(0) : undefined;
  }

  /** Says that nothing more comes; before the handshake is over there is nothing to say. */
  async end(): Promise<void> {
    if (!this.#isReady || this.#isEnded) return;
    this.#isEnded = true;
    this.#secured.end();
    await turn();
    await turn();
    await this.#toWire().catch(ofSocket);
  }

  /** Passes bytes on in both directions, until nothing moves any more. */
  async #move(): Promise<void> {
    for (let isMoving = true; isMoving; ) {
      isMoving = (await this.#fromWire()) || this.#toSend.length > 0;
      // Node works with what came in, and writes its answer.
      await turn();
      await turn();
      if (this.#toSend.length > 0 && (await this.#toWire()) === 0) return;
    }
  }

  /** Gives how many bytes the kernel took. */
  async #toWire(): Promise<number> {
    if (this.#toSend.length === 0) return 0;
    const taken = await this.#host.send(this.#socket, this.#toSend);
    this.#toSend = this.#toSend.subarray(taken);
    return taken;
  }

  async #fromWire(): Promise<boolean> {
    if (this.#isWireOver || this.#isNotified) return false;
    const data = await this.#host.receive(this.#socket);
    if (!data) return false;
    if (data.length > 0) {
      this.#wire.push(Buffer.from(data));
      return true;
    }
    // All that came before has been read by now: an end that TLS has not told is one of the wire alone.
    await turn();
    await turn();
    this.#isWireOver = true;
    return false;
  }
}
