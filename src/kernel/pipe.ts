import { closeSync } from 'node:fs';
import { check, libc } from './libc.ts';

const O_CLOEXEC = 0o2000000;

/** A pipe into which nothing is written: a process that reads from it waits until the pipe is closed (pipe(7)). */
export class SilentPipe {
  /** The descriptor to read from. */
  readonly reader: number;
  readonly #writer: number;

  constructor() {
    const fds = new Int32Array(2);
    check(libc.pipe2(fds, O_CLOEXEC), 'pipe2');
    [this.reader, this.#writer] = fds as unknown as [number, number];
  }

  close(): void {
    closeSync(this.reader);
    closeSync(this.#writer);
  }
}
