import { type ChildProcess, spawn } from 'node:child_process';
import { TcplabError } from '../error.ts';
import { libc } from './libc.ts';
import { needDescriptors, SPAWN_DESCRIPTORS } from './limits.ts';
import { abortWhenClosed } from './socket.ts';

const F_SETFD = 2;

/**
 * A process that has sockets open in place of this one, which may have only so many descriptors (getrlimit(2),
 * RLIMIT_NOFILE). It waits on a pipe, so it ends with this process, however that ends; its sockets are then aborted.
 */
export class DescriptorKeeper {
  readonly #shell: ChildProcess;
  readonly #ended: Promise<unknown>;

  /** Takes the descriptors over, and closes them here. Throws MACHINE if no process can be started. */
  constructor(descriptors: Iterable<number>) {
    needDescriptors(SPAWN_DESCRIPTORS);
    const fds = [...descriptors];
    for (const fd of fds) {
      abortWhenClosed(fd);
      // It inherits what is not closed on exec.
      libc.fcntl(fd, F_SETFD, 0);
    }
    this.#shell = spawn('/bin/sh', ['-c', 'read -r over'], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.#ended = new Promise((resolve) => {
      this.#shell.once('exit', resolve);
      this.#shell.once('error', resolve);
    });
    for (const fd of fds) libc.close(fd);
    this.#shell.stdin?.on('error', () => {});
    if (this.#shell.pid === undefined) {
      throw new TcplabError('MACHINE', "a process to keep sockets open can't be started", {
        hint: 'see the limits of processes (`ulimit -u`), or raise the limit of descriptors (`ulimit -Hn`)',
      });
    }
  }

  async end(): Promise<void> {
    this.#shell.stdin?.end();
    await this.#ended;
  }
}
