import { printable } from '../printable.ts';

/** A line of a paste, or several that a terminal or a mail program has broken. */
export interface Line {
  /** Of its first part, from 1. */
  number: number;
  text: string;
}

const CSI = '\\x1b\\[[0-?]*[ -/]*[@-~]';
const OSC = '\\x1b\\][^\\x07\\x1b]*(?:\\x07|\\x1b\\\\)';
/** Colors and other control sequences of a terminal (ECMA-48), and characters that show nothing. */
const UNSHOWN = new RegExp(
  `${CSI}|${OSC}|\\x1b[@-_]|[\\0-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f\\u200b\\ufeff]`,
  'g',
);

/** A longer line is cut: no table has any. */
const LONGEST = 16_384;

/** What stands before a line that others have passed on: mail's quotation marks, grep's file and number, the time of a log. */
const BEFORE: readonly RegExp[] = [
  /^\s*(?:> ?)+/,
  /^\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.,]*(?:Z|[+-]\d\d:?\d\d)?\]?(?: |$)/,
  /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [\w.-]+ [\w./-]+(?:\[\d+\])?: ?/,
  /^\[?\d\d:\d\d:\d\d[\d.,]*\]? /,
  /^[\w./+-]{1,80}:(?:\d{1,7}:)?(?=(?:tcp6?|udp6?|[A-Z][A-Z0-9-]{4,11})\s)/,
];

/** The lines of a paste without what steers a terminal. A carriage return within a line begins it again, as on a terminal. */
export function shownLines(text: string): Line[] {
  const lines = text.split('\n').map((raw, index) => {
    const shown = raw.slice(0, LONGEST).replace(UNSHOWN, '').replaceAll('\u00a0', ' ').replace(/\r+$/, '');
    const last = printable(shown.slice(shown.lastIndexOf('\r') + 1));
    return { number: index + 1, text: BEFORE.reduce((rest, pattern) => rest.replace(pattern, ''), last) };
  });
  return withoutIndent(withoutGaps(lines));
}

/** An empty line after every line comes from line ends that were doubled. */
function withoutGaps(lines: Line[]): Line[] {
  const isDoubled =
    lines.length > 4 && lines.every(({ text }, index) => index % 2 === 0 || text.trim() === '');
  return isDoubled ? lines.filter((_line, index) => index % 2 === 0) : lines;
}

/** Without the blanks before every line: they would shift what a tab fills. */
function withoutIndent(lines: Line[]): Line[] {
  let least = Number.POSITIVE_INFINITY;
  for (const { text } of lines) {
    if (text.trim() !== '') least = Math.min(least, text.length - text.replace(/^ +/, '').length);
  }
  if (least === 0 || least === Number.POSITIVE_INFINITY) return lines;
  return lines.map(({ number, text }) => ({ number, text: text.slice(least) }));
}
