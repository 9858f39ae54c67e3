import { isLive } from './terminal.ts';

/** The lines of a block on a terminal with so many columns. */
export type DrawBlock = (columns: number) => readonly string[];

const NO_WRAP = '\x1b[?7l';
const WRAP = '\x1b[?7h';
/** Clears the cursor's row and all below it, row by row: tmux scrolls a screen that is cleared from its first row. */
const CLEAR = '\r\x1b[K\x1b7\x1b[B\x1b[J\x1b8';

/**
 * Lines that scroll, above a block that stays at the bottom and is redrawn in place. Without a terminal only the
 * lines are printed.
 *
 * Between two drawings the cursor stays on the block's first row. A terminal that wraps rows again for a new width
 * keeps the cursor with its row, so that clearing needs no count of rows, which nothing but the terminal knows. While
 * the block is drawn the terminal wraps nothing, so that each of its rows is one row whatever the width is by then.
 */
export class Screen {
  readonly stream: NodeJS.WriteStream;
  readonly #redraw = (): void => this.#paint('');
  #block: DrawBlock | undefined;
  /** The rows that are on the terminal now, joined. */
  #shown: string | undefined;

  constructor(stream: NodeJS.WriteStream) {
    this.stream = stream;
  }

  get isLive(): boolean {
    return isLive(this.stream);
  }

  get columns(): number {
    return this.stream.columns || 80;
  }

  print(...lines: readonly string[]): void {
    if (lines.length > 0) this.#paint(lines.map((line) => `${line}\n`).join(''));
  }

  update(block: DrawBlock): void {
    if (!this.isLive) return;
    if (!this.#block) this.stream.on('resize', this.#redraw);
    this.#block = block;
    if (this.#rows().join('\n') !== this.#shown) this.#paint('');
  }

  /** Leaves the block where it is, and the cursor below it. */
  finish(): void {
    if (!this.#block) return;
    const block = this.#block(this.columns).map((line) => `${line}\n`);
    this.#block = undefined;
    this.stream.off('resize', this.#redraw);
    this.#paint(block.join(''));
  }

  [Symbol.dispose](): void {
    this.finish();
  }

  #paint(above: string): void {
    const clear = this.#shown === undefined ? '' : CLEAR;
    const rows = this.#rows();
    this.#shown = rows.length > 0 ? rows.join('\n') : undefined;
    const up = rows.length > 1 ? `\x1b[${rows.length - 1}A` : '';
    const block = this.#shown === undefined ? '' : `${NO_WRAP}${this.#shown}${WRAP}\r${up}`;
    this.stream.write(clear + above + block);
  }

  /** What of the block is shown: a row of what scrolls stays visible above it. */
  #rows(): string[] {
    const rows = this.#block?.(this.columns).flatMap((line) => line.split('\n')) ?? [];
    const space = Math.max(1, (this.stream.rows || Number.POSITIVE_INFINITY) - 1);
    if (rows.length <= space) return rows;
    const [first, last] = [rows.slice(0, Math.max(0, space - 2)), rows.slice(-1)];
    return [
      ...first,
      ...(space > 1 ? [`… ${rows.length - space + 1} more lines (too few rows)`] : []),
      ...last,
    ];
  }
}
