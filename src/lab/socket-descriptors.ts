import { fstatSync } from 'node:fs';
import { TcplabError } from '../error.ts';
import type { HostName } from '../evidence/events.ts';
import type { SocketNumber } from './host.ts';

/** The open sockets of a host, by the numbers that a lab's calls name them by. A number is never given twice. */
export class SocketDescriptors {
  readonly #host: HostName;
  readonly #open = new Map<SocketNumber, number>();
  #last = 0;

  constructor(host: HostName) {
    this.#host = host;
  }

  add(fd: number): SocketNumber {
    const socket = ++this.#last;
    this.#open.set(socket, fd);
    return socket;
  }

  /** Throws USAGE for a number that is not of an open socket. */
  of(socket: SocketNumber): number {
    const fd = this.#open.get(socket);
    if (fd === undefined) throw new TcplabError('USAGE', `the ${this.#host} has no open socket ${socket}`);
    return fd;
  }

  delete(socket: SocketNumber): void {
    this.#open.delete(socket);
  }

  inodes(): { socket: SocketNumber; inode: number }[] {
    return [...this.#open].map(([socket, fd]) => ({ socket, inode: fstatSync(fd).ino }));
  }

  /** Their descriptors, which the caller closes. */
  takeAll(): number[] {
    const all = [...this.#open.values()];
    this.#open.clear();
    return all;
  }
}
