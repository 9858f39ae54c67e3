import { expect, it } from 'vitest';
import { printable, printableJson } from './printable.ts';

const STEERS: [text: string, shown: string][] = [
  ['\u001b]0;title\u0007\u001b[2J', '\\x1b]0;title\\x07\\x1b[2J'],
  ['C1 \u009b31m', 'C1 \\x9b31m'],
  ['DEL \u007f', 'DEL \\x7f'],
  ['\u202egpj.exe\u2069 \u061c\u200f', '\\u202egpj.exe\\u2069 \\u061c\\u200f'],
  ['a\u2028b', 'a\\u2028b'],
  ['over\rwritten\b\f', 'over\\x0dwritten\\x08\\x0c'],
  ['a line\r\nanother\r\n', 'a line\nanother\n'],
];
const PLAIN = [
  'tab\tline\n',
  'ünïcode → 漢字 \u{1f468}\u200d\u{1f469}',
  'a \\ backslash \\x1b \\u001b "quoted"',
  '',
];

it.each(STEERS)('escapes what steers a terminal: %j', (text, shown) => {
  expect(printable(text)).toBe(shown);
  expect(printable(shown)).toBe(shown);
});

it.each(PLAIN)('leaves the rest as it is: %j', (text) => {
  expect(printable(text)).toBe(text);
  expect(printableJson(JSON.stringify(text))).toBe(JSON.stringify(text));
});

it('does the same to every string of a JSON text, and to the names of its fields', () => {
  for (const [text, shown] of STEERS) {
    const [given, expected] = [{ [text]: [text, { a: text }] }, { [shown]: [shown, { a: shown }] }];
    expect(JSON.parse(printableJson(JSON.stringify(given)))).toEqual(expected);
    const inEscapes = JSON.stringify(text).replace(
      /[^ -~]/g,
      (one) => `\\U${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
    expect(JSON.parse(printableJson(inEscapes.replaceAll('\\U', '\\u')))).toBe(shown);
  }
});

it('takes nesting of any depth', () => {
  const deep = `${'['.repeat(100_000)}"\\u001b"${']'.repeat(100_000)}`;
  expect(printableJson(deep)).toBe(deep.replace('u001b', '\\x1b'));
});
