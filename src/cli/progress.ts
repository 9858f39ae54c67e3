import type { WriteStream } from 'node:tty';
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
    this.#stream.write(`\r\x1b[K${text}`);
  }

  clear(): void {
    if (this.#shown) this.#stream.write('\r\x1b[K');
    this.#shown = false;
  }
}
