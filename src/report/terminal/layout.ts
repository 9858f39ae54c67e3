import { broken, charactersOf, columnsOf } from './text.ts';

/** Columns on a terminal. */
export const textWidth: (text: string) => number = columnsOf;

/** Of a table on a terminal: longer lines are hard to read. */
export const WIDEST_TABLE = 120;

/** Pads to a width in columns of a terminal, not in characters. */
export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - textWidth(text)));
}

/** What fits of it, and a sign when that is not all. */
export function cut(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let [kept, columns] = ['', 0];
  for (const character of charactersOf(text)) {
    columns += character.columns;
    if (columns >= width) break;
    kept += character.text;
  }
  return `${kept}…`;
}

/** Breaks at spaces so that no line is wider than `width`; each line begins with `indent`. Words stay whole. */
export function wrap(text: string, width: number, indent = ''): string {
  const lines = broken(text, width - textWidth(indent), true);
  return lines.map((line) => indent + line).join('\n');
}

/** Lines of which none is wider than `width`. The first begins with `label`, the others with as many blanks. */
export function wrapBeside(label: string, text: string, width: number): string[] {
  const columns = textWidth(label);
  const lines = broken(text, Math.max(1, width - columns));
  return lines.map((line, index) => (index === 0 ? label : ' '.repeat(columns)) + line);
}
