import { closeSync, fstatSync, readlinkSync } from 'node:fs';
import { SystemError, TcplabError } from '../error.ts';
import { DisposableStack } from './disposable-stack.ts';
import { openFile } from './files.ts';
import { check, lastErrno, libc } from './libc.ts';

const CLONE_NEWNET = 0x40000000;
const SELF = '/proc/thread-self/ns/net';

/**
 * A network namespace without a name, held by a descriptor: it ends when the last descriptor, socket and process in
 * it are gone, so nothing can be left behind (network_namespaces(7)).
 */
export class NetworkNamespace {
  /** The one that the thread is in; undefined at home. */
  static #current: NetworkNamespace | undefined;

  readonly #home: number;
  readonly #fd: number;
  readonly #isHome: boolean;
  #open = true;

  private constructor(home: number, fd: number, isHome = false) {
    this.#home = home;
    this.#fd = fd;
    this.#isHome = isHome;
  }

  /** The network that this process is in. To enter it does nothing and needs no privilege. */
  static home(): NetworkNamespace {
    using undo = new DisposableStack();
    const open = () => {
      const fd = openFile(SELF);
      undo.defer(() => closeSync(fd));
      return fd;
    };
    const home = new NetworkNamespace(open(), open(), true);
    undo.move();
    return home;
  }

  /** One that exists, by its file: /proc/PID/ns/net, or a mount below /run/netns (ip-netns(8)). To enter it needs CAP_SYS_ADMIN. */
  static at(path: string): NetworkNamespace {
    using undo = new DisposableStack();
    const home = openFile(SELF);
    undo.defer(() => closeSync(home));
    const namespace = new NetworkNamespace(home, openFile(path));
    undo.move();
    return namespace;
  }

  /**
   * Needs CAP_SYS_ADMIN in the current user namespace; throws with code MACHINE where that is missing. A few settings of
   * the new namespace come from `parent`, or else from the namespace in which the thread is.
   */
  static create(parent?: NetworkNamespace): NetworkNamespace {
    const current = NetworkNamespace.#current;
    if (current) return current.#leave(() => NetworkNamespace.create(parent));
    using undo = new DisposableStack();
    const home = openFile(SELF);
    undo.defer(() => closeSync(home));
    try {
      if (parent) check(libc.setns(parent.#fd, CLONE_NEWNET), 'setns', 'into the parent');
      if (libc.unshare(CLONE_NEWNET) !== 0) {
        throw new SystemError('unshare', lastErrno(), {
          detail: 'CLONE_NEWNET',
          code: 'MACHINE',
          hint: '`tcplab doctor` shows what forbids network namespaces',
        });
      }
      const namespace = new NetworkNamespace(home, openFile(SELF));
      undo.move();
      return namespace;
    } finally {
      goTo(home);
    }
  }

  /** The same namespace once more, with descriptors of its own: it exists until both are closed. */
  again(): NetworkNamespace {
    using undo = new DisposableStack();
    const open = (fd: number) => {
      const copy = openFile(`/proc/self/fd/${fd}`);
      undo.defer(() => closeSync(copy));
      return copy;
    };
    const again = new NetworkNamespace(open(this.#home), open(this.#fd), this.#isHome);
    undo.move();
    return again;
  }

  /** For rtnetlink: this namespace's descriptor. */
  get fd(): number {
    return this.#fd;
  }

  /** Its name in the kernel, as /proc/PID/ns/net has it: `net:[4026532201]`. */
  get name(): string {
    return readlinkSync(`/proc/self/fd/${this.#fd}`);
  }

  /** The number in that name. */
  get inode(): number {
    return fstatSync(this.#fd).ino;
  }

  /**
   * Runs `work` with this thread inside the namespace. The sockets and child processes that it makes stay there.
   * It must be synchronous: while it runs, this thread has left the machine's own network.
   */
  enter<T>(work: () => T extends PromiseLike<unknown> ? never : T): T {
    const leave = this.goIn();
    try {
      return work();
    } finally {
      leave();
    }
  }

  /** The two halves of `enter`, for who is called at the beginning and at the end of such a stretch. Gives what goes back. */
  goIn(): () => void {
    // The number of its descriptor is another's by now.
    if (!this.#open) throw new TcplabError('USAGE', 'this lab is already closed');
    if (this.#isHome) return () => {};
    const before = NetworkNamespace.#current;
    check(libc.setns(this.#fd, CLONE_NEWNET), 'setns', 'into the lab');
    NetworkNamespace.#current = this;
    return () => {
      goTo(before?.isOpen ? before.#fd : this.#home);
      NetworkNamespace.#current = before;
    };
  }

  /** The reverse of `enter`: runs `work` at home, from inside the namespace. */
  #leave<T>(work: () => T): T {
    goTo(this.#home);
    NetworkNamespace.#current = undefined;
    try {
      return work();
    } finally {
      goTo(this.#fd);
      NetworkNamespace.#current = this;
    }
  }

  get isOpen(): boolean {
    return this.#open;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#fd);
    closeSync(this.#home);
  }
}

/** A thread that can't come home must do nothing more: whatever it did next, it would do in the wrong network. */
function goTo(home: number): void {
  if (libc.setns(home, CLONE_NEWNET) === 0) return;
  process.stderr.write("tcplab: can't return to this process's own network namespace; stopping\n");
  process.exit(1);
}
