import { textWidth } from '../report/layout.ts';
import { isLive } from './terminal.ts';

/**
 * Lines that scroll, over a block that stays at the bottom and is written anew. Without a terminal only the lines
 * are printed.
 */
export class Screen {
  readonly stream: NodeJS.WriteStream;
  #block: string[] = [];

  constructor(stream: NodeJS.WriteStream) {
    this.stream = stream;
  }

  get isLive(): boolean {
    return isLive(this.stream);
  }

  print(line: string): void {
    const block = this.#block;
    this.#erase();
    this.stream.write(`${line}\n`);
    this.#draw(block);
  }

  update(block: string[]): void {
    if (!this.isLive || block.join() === this.#block.join()) return;
    this.#erase();
    this.#draw(block);
  }

  /** Leaves the block standing, for good. */
  finish(): void {
    this.#block = [];
  }

  #erase(): void {
    if (this.#block.length === 0) return;
    const width = this.stream.columns || 80;
    const rows = this.#block.reduce((sum, line) => sum + Math.max(1, Math.ceil(textWidth(line) / width)), 0);
    this.stream.write(`\x1b[${rows}A\x1b[J`);
    this.#block = [];
  }

  #draw(block: string[]): void {
    if (block.length > 0) this.stream.write(`${block.join('\n')}\n`);
    this.#block = block;
  }
}
