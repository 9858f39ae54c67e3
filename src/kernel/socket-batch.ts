import { SystemError } from '../error.ts';
import type { Family } from '../tcp/endpoint.ts';
import { check, lastErrno, libc } from './libc.ts';
import { abort, openTcpSocket, reuseAddress, type ShutdownHow, shutdown } from './socket.ts';
import { socketAddress } from './socket-address.ts';

const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
const NONE = -1;

/** An address, and the port that the socket of each number has there. */
export interface Ports {
  address: string;
  portOf: (index: number) => number;
}

/**
 * Descriptors of many sockets that are treated alike: each call is made for one after the other, from `from` on and
 * before `to`. Nothing is made per call beside the call: no text, no object, no address.
 */
export class SocketBatch {
  readonly #fds: Int32Array;
  readonly #data: Buffer = Buffer.alloc(4096);
  #open = 0;

  constructor(size: number) {
    this.#fds = new Int32Array(size).fill(NONE);
  }

  /** How many descriptors are open. */
  get open(): number {
    return this.#open;
  }

  /**
   * Opens in the namespace in which the thread is now, binds each to its port, and starts to connect. `prepare` is called
   * with each before.
   */
  connect(
    family: Family,
    { from, to }: Slice,
    local: Ports,
    remote: Ports,
    prepare?: (fd: number) => void,
  ): void {
    const [here, there] = [local, remote].map(({ address }) => socketAddress({ address, port: 0 })) as [
      Buffer,
      Buffer,
    ];
    const length = here.length;
    for (let index = from; index < to; index++) {
      const fd = openTcpSocket(family);
      this.#keep(index, fd);
      prepare?.(fd);
      here.writeUInt16BE(local.portOf(index), 2);
      there.writeUInt16BE(remote.portOf(index), 2);
      // Several have the same port, and differ in that of the other end.
      reuseAddress(fd);
      check(libc.bind(fd, here, length), 'bind', 'one of a crowd');
      if (libc.connect(fd, there, length) === 0 || lastErrno() === 'EINPROGRESS') continue;
      throw new SystemError('connect', lastErrno(), { detail: 'one of many connections' });
    }
  }

  /** Gives how far it came: to the end, or to where nothing waits to be accepted yet. */
  accept(listener: number, { from, to }: Slice): number {
    for (let index = from; index < to; index++) {
      const fd = libc.accept4(listener, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0 && lastErrno() === 'EAGAIN') return index;
      this.#keep(index, check(fd, 'accept', 'one of a crowd'));
    }
    return to;
  }

  send({ from, to }: Slice, data: Uint8Array): void {
    for (let index = from; index < to; index++) {
      check(Number(libc.send(this.#at(index), data, data.length, MSG_NOSIGNAL)), 'send', 'one of a crowd');
    }
  }

  /** Takes what has come, or the end of it. Gives how far it came: to the end, or to where nothing has come yet. */
  receive({ from, to }: Slice): number {
    for (let index = from; index < to; index++) {
      const received = Number(libc.recv(this.#at(index), this.#data, this.#data.length, 0));
      if (received < 0 && lastErrno() === 'EAGAIN') return index;
      check(received, 'recv', 'one of a crowd');
    }
    return to;
  }

  shutdown({ from, to }: Slice, how: ShutdownHow): void {
    for (let index = from; index < to; index++) shutdown(this.#at(index), how);
  }

  close({ from, to }: Slice): void {
    for (let index = from; index < to; index++) {
      check(libc.close(this.#at(index)), 'close', 'one of a crowd');
      this.#forget(index);
    }
  }

  /** As close(), with an RST (SO_LINGER 0); of those that are open. */
  abort({ from, to }: Slice = { from: 0, to: this.#fds.length }): void {
    for (let index = from; index < to; index++) {
      if (this.#at(index) === NONE) continue;
      abort(this.#at(index));
      this.#forget(index);
    }
  }

  /** All descriptors that are open, which are the caller's from now on. */
  release(): Int32Array {
    const open = this.#fds.filter((fd) => fd !== NONE);
    this.#fds.fill(NONE);
    this.#open = 0;
    return open;
  }

  #keep(index: number, fd: number): void {
    this.#fds[index] = fd;
    this.#open++;
  }

  #forget(index: number): void {
    this.#fds[index] = NONE;
    this.#open--;
  }

  #at(index: number): number {
    return this.#fds[index] ?? NONE;
  }
}

/** Some of a batch, by their numbers: from the first, before the last. */
export interface Slice {
  from: number;
  to: number;
}
