import { printable } from '../printable.ts';
import { wrap } from '../report/terminal/layout.ts';

/** Prints the error to stderr, and below it what to do. */
export function complain(message: string, hint?: string): void {
  const text = [fitted(`tcplab: ${message}`), ...(hint ? [fitted(hint, '  ')] : [])].join('\n');
  process.stderr.write(`${text}\n`);
}

/** Breaks lines to the width of the terminal that stderr is, so that they can be read; elsewhere keeps them whole, so that they can be searched. */
export function fitted(text: string, indent = ''): string {
  const { isTTY, columns } = process.stderr;
  const width = isTTY ? columns || 80 : Number.POSITIVE_INFINITY;
  return printable(text)
    .split('\n')
    .map((line) => wrap(line, width, indent))
    .join('\n');
}
