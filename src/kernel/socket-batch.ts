import { SystemError } from '../error.ts';
import type { Endpoint, Family } from '../tcp/endpoint.ts';
import { check, lastErrno, libc } from './libc.ts';
import { abort, openTcpSocket, type ShutdownHow, setOption, shutdown, socketAddress } from './socket.ts';

const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
const NONE = -1;

/**
 * Descriptors of many sockets that are treated alike: each call is made for one after the other, from `from` on and
 * before `to`. Nothing is made per call beside the call: no text, no object, no address.
 */
export class SocketBatch {
  readonly #fds: Int32Array;
  readonly #data: Buffer = Buffer.alloc(4096);

  constructor(size: number) {
    this.#fds = new Int32Array(size).fill(NONE);
  }

  /**
   * Opens in the namespace in which the thread is now, binds each to the endpoint of its number, and starts to connect.
   * `local` and `remote` are of the first; a step is added to their ports for each further one. `prepare` is called with
   * each before.
   */
  connect(
    family: Family,
    { from, to }: Slice,
    local: Endpoint,
    remote: Endpoint,
    step: { local: number; remote: number },
    prepare: (fd: number) => void,
  ): void {
    const [here, there] = [socketAddress(local), socketAddress(remote)];
    const length = here.length;
    for (let index = from; index < to; index++) {
      const fd = openTcpSocket(family);
      this.#fds[index] = fd;
      prepare(fd);
      here.writeUInt16BE(local.port + index * step.local, 2);
      there.writeUInt16BE(remote.port + index * step.remote, 2);
      // Where both ends connect, all of a server's sockets have its port.
      if (step.local === 0) setOption(fd, 'SO_REUSEADDR', 1);
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
      this.#fds[index] = check(fd, 'accept', 'one of a crowd');
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
      this.#fds[index] = NONE;
    }
  }

  /** As close(), with an RST (SO_LINGER 0); of those that are open. */
  abort({ from, to }: Slice = { from: 0, to: this.#fds.length }): void {
    for (let index = from; index < to; index++) {
      if (this.#at(index) !== NONE) abort(this.#at(index));
      this.#fds[index] = NONE;
    }
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
