import type { Style } from '../style.ts';
import { charactersOf, columnsOf, NO_BREAK_SPACE } from '../text.ts';

export type Tone = keyof Style;

/** A piece of text in one tone. */
export interface Span {
  text: string;
  tone?: Tone | undefined;
}

export function widthOf(spans: readonly Span[]): number {
  return spans.reduce((sum, { text }) => sum + columnsOf(text), 0);
}

/** One terminal line as columns. Text beyond its width is cut off. */
export class Line {
  /** A character of two columns is followed by an empty cell. */
  readonly #cells: Span[];

  constructor(width: number) {
    this.#cells = Array<Span>(width).fill({ text: ' ' });
  }

  write(column: number, spans: Span | readonly Span[]): void {
    let at = column;
    for (const { text, tone } of Array.isArray(spans) ? spans : [spans]) {
      for (const character of charactersOf(text)) {
        const { columns } = character;
        if (columns > 0 && at >= 0 && at + columns <= this.#cells.length) {
          this.#cells[at] = { text: character.text === NO_BREAK_SPACE ? ' ' : character.text, tone };
          for (let rest = 1; rest < columns; rest++) this.#cells[at + rest] = { text: '' };
        }
        at += columns;
      }
    }
  }

  at(column: number): string {
    return this.#cells[column]?.text ?? '';
  }

  /** As one string, without blanks at its end. */
  render(style: Style): string {
    let last = this.#cells.length;
    while (last > 0 && this.#cells[last - 1]?.text.trim() === '') last--;
    const runs: Span[] = [];
    for (const { text, tone } of this.#cells.slice(0, last)) {
      const run = runs.at(-1);
      if (run && run.tone === tone) run.text += text;
      else runs.push({ text, tone });
    }
    return runs.map(({ text, tone }) => (tone ? style[tone](text) : text)).join('');
  }
}
