import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** A program that answers each line on its input with one on its output. */
export class Conversation implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;

  /** `descriptors` are its third and so on. It stays in the namespaces that the caller is in. */
  constructor([program = '', ...args]: readonly string[], descriptors: readonly number[] = []) {
    this.child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit', ...descriptors] });
    const { stdout } = this.child;
    if (!stdout) throw new Error('no output');
    this.#lines = createInterface(stdout)[Symbol.asyncIterator]();
    this.#ended = new Promise((resolve) => this.child.once('close', resolve));
    // It may have been told to end itself.
    this.child.stdin?.on('error', () => {});
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** The first process that it has started, if it is one that runs another. */
  get childPid(): number {
    return Number(readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8').split(' ')[0]);
  }

  say(line: string): void {
    this.child.stdin?.write(`${line}\n`);
  }

  async hear(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('it ended without an answer');
    return value;
  }

  ask(line: string): Promise<string> {
    this.say(line);
    return this.hear();
  }

  async ended(): Promise<void> {
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.stdin?.end();
    this.child.kill('SIGKILL');
    await this.#ended;
  }
}
