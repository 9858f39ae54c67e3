import type { WriteStream } from 'node:tty';
import { cut } from '../report/terminal/layout.ts';
import { isLive } from './terminal.ts';

/** One line on a terminal that is written over; nothing where there is no terminal. */
export class Progress {
  readonly #stream: WriteStream | NodeJS.WriteStream;
  #shownAtMs = 0;
  #shown = false;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  show(text: string): void {
    const nowMs = performance.now();
    if (!isLive(this.#stream) || nowMs - this.#shownAtMs < 100) return;
    this.#shownAtMs = nowMs;
    this.#shown = true;
    // Text that wraps to the next line could not be erased.
    this.#stream.write(`\r\x1b[K${cut(text, (this.#stream.columns || 80) - 1)}`);
  }

  /** Makes room for what is printed next; the line that follows it is shown at once. */
  clear(): void {
    if (!this.#shown) return;
    this.#stream.write('\r\x1b[K');
    this.#shown = false;
    this.#shownAtMs = 0;
  }
}
