import { closeSync, openSync, readlinkSync } from 'node:fs';
import { SystemError, TcplabError } from '../error.ts';
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

  /** The network that this process is in: to enter it is to do nothing, for which no privilege is needed. */
  static home(): NetworkNamespace {
    return new NetworkNamespace(openSync(SELF, 'r'), openSync(SELF, 'r'), true);
  }

  /**
   * Needs CAP_SYS_ADMIN in the current user namespace. Throws with code MACHINE where it is not allowed. A few settings
   * of a namespace are told by the one that it is made from: `parent`, or else the one in which the thread is.
   */
  static create(parent?: NetworkNamespace): NetworkNamespace {
    const current = NetworkNamespace.#current;
    if (current) return current.#leave(() => NetworkNamespace.create(parent));
    const home = openSync(SELF, 'r');
    if (parent) check(libc.setns(parent.#fd, CLONE_NEWNET), 'setns', 'into the parent');
    if (libc.unshare(CLONE_NEWNET) !== 0) {
      const errno = lastErrno();
      goTo(home);
      closeSync(home);
      throw new SystemError('unshare', errno, {
        detail: 'CLONE_NEWNET',
        code: 'MACHINE',
        hint: '`tcplab doctor` shows what forbids network namespaces',
      });
    }
    try {
      return new NetworkNamespace(home, openSync(SELF, 'r'));
    } finally {
      goTo(home);
    }
  }

  /** For rtnetlink: the descriptor that stands for this namespace. */
  get fd(): number {
    return this.#fd;
  }

  /** Its name in the kernel, as /proc/PID/ns/net has it: `net:[4026532201]`. */
  get name(): string {
    return readlinkSync(`/proc/self/fd/${this.#fd}`);
  }

  /**
   * Runs `work` with this thread inside the namespace. What is made meanwhile (sockets, child processes) stays there.
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
    if (!this.#open) throw new TcplabError('USAGE', 'the lab is over');
    if (this.#isHome) return () => {};
    const before = NetworkNamespace.#current;
    check(libc.setns(this.#fd, CLONE_NEWNET), 'setns', 'into the lab');
    NetworkNamespace.#current = this;
    return () => {
      goTo(before?.isOpen ? before.#fd : this.#home);
      NetworkNamespace.#current = before;
    };
  }

  /** The other way round: what is done in here for a moment at home. */
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
