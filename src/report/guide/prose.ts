import { wrap } from '../terminal/layout.ts';

/** Wraps a sentence like `wrap`, but never between a number and its unit, or within a clause, a setting or a code span. */
export function wrapProse(text: string, width: number, indent = ''): string {
  const whole = text
    .replace(/`[^`]+`/g, (code) => code.replaceAll(' ', GLUE))
    .replace(/(?<=\d) (?=(?:ms|s|min|h)\b)|(?<=\bRFC) (?=\d)| (?== \d)|(?<= =) (?=\d)/g, GLUE);
  return wrap(whole, width, indent).replaceAll(GLUE, ' ');
}

/** One column wide, and in no text. */
const GLUE = '\u00a0';
