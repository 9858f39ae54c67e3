import { stripVTControlCharacters } from 'node:util';

/** Columns on a terminal. All texts are tcplab's own: none has wide or combining characters. */
export function textWidth(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

/** Pads to a width in columns of a terminal, not in characters. */
export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - textWidth(text)));
}

/** What fits of it, and a sign when that is not all. */
export function cut(text: string, width: number): string {
  return textWidth(text) <= width ? text : `${[...text].slice(0, width - 1).join('')}…`;
}

/** Breaks at spaces so that no line is wider than `width`; each line begins with `indent`. */
export function wrap(text: string, width: number, indent = ''): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line ? `${line} ${word}` : word;
    if (line && textWidth(indent + longer) > width) {
      lines.push(indent + line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, indent + line].join('\n');
}

/** `2.1 ms`, `41 ms`, `1.2 s`, `2 min 14 s`. */
export function formatMs(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${ms.toFixed(0)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(0)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
