/** Text of one look, at a column. */
/** @typedef {{ column: number, text: string, look: string }} Run */

const COLORS = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];

/**
 * A row of a terminal as pieces of text with the classes that they are drawn with. Blanks are not drawn.
 * @param {string} row with escape sequences for looks (SGR), of which it throws at those that it does not know
 * @returns {Run[]}
 */
export function runsOf(row) {
  /** @type {Set<string>} */
  let look = new Set();
  let column = 0;
  /** @type {Run[]} */
  const runs = [];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence starts with a control character
  for (const [, codes, text = ''] of row.matchAll(/\x1b\[([\d;]*)m|([^\x1b]+)/g)) {
    if (codes !== undefined) {
      for (const code of codes.split(';').map(Number)) look = withCode(look, code);
      continue;
    }
    // Two blanks end a piece: it is cheaper to leave a gap out, and its place is sure.
    for (const { 0: piece, index } of text.matchAll(/\S+(?: \S+)*/g)) {
      const before = [...text.slice(0, index)].length;
      runs.push({ column: column + before, text: piece, look: [...look].sort().join(' ') });
    }
    column += [...text].length;
  }
  return runs;
}

/**
 * @param {Set<string>} look
 * @param {number} code
 */
function withCode(look, code) {
  const without = (/** @type {string[]} */ ...names) =>
    new Set([...look].filter((name) => !names.includes(name)));
  if (code === 0) return new Set();
  if (code === 1) return new Set([...look, 'bold']);
  if (code === 2) return new Set([...look, 'dim']);
  if (code === 22) return without('bold', 'dim');
  if (code === 39) return without(...COLORS);
  // The default background. Any other would have to be drawn.
  if (code === 49) return look;
  const color = COLORS[code >= 90 ? code - 90 : code - 30];
  if (!color) throw new Error(`the recording has no drawing for the escape code ${code}`);
  return new Set([...without(...COLORS), color]);
}
