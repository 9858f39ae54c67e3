import type { ChildProcess } from 'node:child_process';
import { NetworkNamespace } from '../kernel/namespace.ts';
import { adoptOrphans, descendantsOf } from '../kernel/process.ts';
import { setLoopbackUp } from '../kernel/rtnetlink.ts';
import { NamespacePrograms, processesOfNamespace } from './namespace-programs.ts';

/**
 * A network of its own with a loopback and no way out, for one program. After disposal the program has ended, and
 * all that it started: in this network, in another, or left behind by a parent that has exited.
 */
export class PrivateNetwork implements AsyncDisposable {
  readonly #namespace = NetworkNamespace.create();
  readonly #programs: NamespacePrograms;

  /** Throws a TcplabError with code MACHINE where network namespaces are not allowed. */
  constructor() {
    this.#namespace.enter(setLoopbackUp);
    // From now on, what the program leaves behind is a child of this process, and so can be found.
    adoptOrphans();
    const inside = processesOfNamespace(this.#namespace);
    this.#programs = new NamespacePrograms({
      name: 'client',
      namespace: this.#namespace,
      processes: {
        ...inside,
        all: () => [...new Set([...inside.all(), ...descendantsOf([process.pid])])],
      },
      nowMs: () => performance.now(),
      emit: () => {},
    });
  }

  /** Starts the program with the streams of this process. If this process is killed, the kernel kills the program. */
  spawn(program: string, args: readonly string[]): Promise<ChildProcess> {
    return this.#programs.spawn([program, ...args], {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#programs.end();
    this.#namespace.close();
  }
}
