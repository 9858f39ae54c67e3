import { printable } from '../../printable.ts';

/** What JUnit's reports are written with. */
type Attributes = Record<string, string | number>;

export function open(name: string, attributes: Attributes): string {
  const all = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeAttribute(`${value}`)}"`);
  return `<${name}${all.join('')}>`;
}

export function empty(name: string, attributes: Attributes): string {
  return open(name, attributes).replace(/>$/, '/>');
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
/** The rest of what XML 1.0 can't carry, escaped or not (2.2, Char): lone surrogates and U+FFFE, U+FFFF. */
const NO_CHARACTERS = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu;

export function escapeText(text: string): string {
  return printable(text)
    .replace(NO_CHARACTERS, '')
    .replace(/[&<>"]/g, (character) => ENTITIES[character] ?? '');
}

/** A reader makes spaces of line ends in attributes, unless they are written as numbers (XML 1.0, 3.3.3). */
function escapeAttribute(text: string): string {
  return escapeText(text).replace(/[\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Milliseconds as JUnit has them. */
export function seconds(ms: number): string {
  return (ms / 1000).toFixed(4);
}
