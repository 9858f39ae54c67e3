import { inLines } from '../words/lines.ts';
import stringWidth from './string-width.cjs';

export const NO_BREAK_SPACE = '\u00a0';

let characters: Intl.Segmenter | undefined;

/** What tcplab's own texts are made of: ASCII and signs, each one column wide. To know that takes no tables. */
const NARROW = /^[\x20-\x7e\xa0²³µ·×–‘’“”…←→−⋮✓✗❚\u2500-\u25c0]*$/;

/** Characters as a reader sees them, each with its columns on a terminal. */
export function charactersOf(text: string): { text: string; columns: number }[] {
  if (NARROW.test(text)) return Array.from(text, (character) => ({ text: character, columns: 1 }));
  characters ??= new Intl.Segmenter();
  return [...characters.segment(text)].map(({ segment }) => ({
    text: segment,
    columns: stringWidth(segment),
  }));
}

/** Unlike the rest of tcplab's texts, those of a timeline may hold whatever a file held. */
export function columnsOf(text: string): number {
  return NARROW.test(text) ? text.length : stringWidth(text);
}

/** Broken at spaces, and within a word that is wider than a line, unless words are to stay whole. */
export function broken(text: string, columns: number, wholeWords = false): string[] {
  const words = text.split(' ');
  return inLines(wholeWords ? words : words.flatMap((word) => cut(word, columns)), columns, columnsOf);
}

function cut(word: string, columns: number): string[] {
  if (columnsOf(word) <= columns) return [word];
  const pieces = [''];
  for (const { text } of charactersOf(word)) {
    const longer = pieces.at(-1) + text;
    if (columnsOf(longer) > columns) pieces.push(text);
    else pieces[pieces.length - 1] = longer;
  }
  return pieces;
}
