import { readlinkSync } from 'node:fs';
import { Conversation } from './conversation.ts';

/** A PID namespace that lasts until it is disposed of. */
export class PidNamespace implements AsyncDisposable {
  /** What runs a command in it, before its words. */
  readonly enter: readonly string[];
  /** Its inode number. */
  readonly number: string;
  readonly #holder: Conversation;

  private constructor(holder: Conversation) {
    const first = holder.childPid;
    this.#holder = holder;
    this.number = /\d+/.exec(readlinkSync(`/proc/${first}/ns/pid`))?.[0] ?? '';
    this.enter = ['nsenter', '--target', String(first), '--pid', '--mount', '--'];
  }

  static async open(): Promise<PidNamespace> {
    const options = ['--pid', '--fork', '--kill-child', '--mount-proc'];
    const holder = new Conversation(['unshare', ...options, 'sh', '-c', 'echo ready; read over']);
    await holder.hear();
    return new PidNamespace(holder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#holder[Symbol.asyncDispose]();
  }
}
