import type { Host, SocketNumber } from '../lab/host.ts';

/** A connection as bytes: in clear, or in TLS. Fails as the socket does, with a SystemError. */
export interface Channel {
  /** Hands bytes to the kernel; it may take fewer than all. Gives how many it took. */
  send(data: Uint8Array): Promise<number>;
  /** What has arrived: undefined if nothing has, empty at the end. */
  receive(): Promise<Uint8Array | undefined>;
  /** Whether it can carry data: in TLS, whether the handshake is over. */
  isReady(): Promise<boolean>;
  /** Whether the peer has said, in TLS, that nothing more comes (RFC 8446, 6.1). */
  readonly isNotified: boolean;
  /** Says, in TLS, that nothing more comes (close_notify); the socket stays open. */
  end(): Promise<void>;
}

/** The bytes of a connection as they are. */
export class PlainChannel implements Channel {
  readonly isNotified = false;
  readonly #host: Host;
  readonly #socket: SocketNumber;

  constructor(host: Host, socket: SocketNumber) {
    this.#host = host;
    this.#socket = socket;
  }

  send(data: Uint8Array): Promise<number> {
    return this.#host.send(this.#socket, data);
  }

  receive(): Promise<Uint8Array | undefined> {
    return this.#host.receive(this.#socket);
  }

  async isReady(): Promise<boolean> {
    return true;
  }

  async end(): Promise<void> {}
}
