import { wrap } from '../report/layout.ts';

/** Says on stderr what is wrong, and below it what to do about it. */
export function complain(message: string, hint?: string): void {
  const text = [fitted(`tcplab: ${message}`), ...(hint ? [fitted(hint, '  ')] : [])].join('\n');
  process.stderr.write(`${text}\n`);
}

/** In lines that fit on the terminal that stderr is. Where it is none they stay whole, for whoever searches them. */
export function fitted(text: string, indent = ''): string {
  const { isTTY, columns } = process.stderr;
  const width = isTTY ? columns || 80 : Number.POSITIVE_INFINITY;
  return text
    .split('\n')
    .map((line) => wrap(line, width, indent))
    .join('\n');
}
