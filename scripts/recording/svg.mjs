import { runsOf } from './cells.mjs';

/** @typedef {import('./terminal.mjs').Frame} Frame */
/** What a row shows from one time to another, in milliseconds. */
/** @typedef {{ row: number, text: string, fromMs: number, toMs: number }} Stretch */

const CELL = { width: 8, height: 18 };
const MARGIN = 14;
/** For how long the last frame stays, in milliseconds. */
const LAST_MS = 4_000;

const STYLE = `
text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:var(--text);white-space:pre}
svg{--back:#f6f8fa;--edge:#d0d7de;--text:#1f2328;--red:#b3261e;--green:#116329;--yellow:#7d4e00;--blue:#0550ae;--magenta:#6639ba;--cyan:#0b5c6b;--dim:#59636e}
@media (prefers-color-scheme:dark){svg{--back:#0d1117;--edge:#3d444d;--text:#e6edf3;--red:#ff7b72;--green:#56d364;--yellow:#e3b341;--blue:#79c0ff;--magenta:#d2a8ff;--cyan:#76e3ea;--dim:#9198a1}}
.dim{fill:var(--dim)}.bold{font-weight:700}
${['red', 'green', 'yellow', 'blue', 'magenta', 'cyan'].map((name) => `.${name}{fill:var(--${name})}`).join('')}
g{visibility:hidden;animation-timing-function:step-end;animation-iteration-count:infinite}
.end{visibility:visible}
@media (prefers-reduced-motion:reduce){g{animation:none!important}}
`.trim();

/**
 * An animated picture of a recorded terminal: one group per stretch of time, with the rows that stay the same throughout it.
 * Where nothing moves it is the last frame.
 * @param {Frame[]} frames
 * @param {{ columns: number, rows: number, title: string }} about
 */
export function svgOf(frames, { columns, rows, title }) {
  const start = frames[0]?.atMs ?? 0;
  const totalMs = (frames.at(-1)?.atMs ?? 0) - start + LAST_MS;
  const stretches = stretchesOf(frames, rows).map((each) => ({
    ...each,
    fromMs: each.fromMs - start,
    toMs: Math.min(each.toMs - start, totalMs),
  }));
  const groups = Map.groupBy?.(stretches, keyOf) ?? groupBy(stretches);
  const [keyframes, drawn] = [[''], ['']];
  let number = 0;
  for (const [key, together] of groups) {
    const [fromMs = 0, toMs = 0] = key.split(' ').map(Number);
    const name = `f${number++}`;
    const isLast = toMs === totalMs;
    const show = [
      ...(fromMs === 0 ? [] : ['0%{visibility:hidden}']),
      `${percent(fromMs, totalMs)}{visibility:visible}`,
      ...(isLast ? [] : [`${percent(toMs, totalMs)}{visibility:hidden}`]),
    ];
    keyframes.push(`@keyframes ${name}{${show.join('')}}.${name}{animation-name:${name}}`);
    drawn.push(`<g class="${name}${isLast ? ' end' : ''}">${together.map(rowOf).join('')}</g>`);
  }
  const [width, height] = [columns * CELL.width + 2 * MARGIN, rows * CELL.height + 2 * MARGIN];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="t">
<title id="t">${escaped(title)}</title>
<style>${STYLE}
g{animation-duration:${(totalMs / 1000).toFixed(2)}s}${keyframes.join('\n')}
</style>
<rect x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="8" fill="var(--back)" stroke="var(--edge)"/>${drawn.join('\n')}
</svg>
`;
}

/**
 * @param {Frame[]} frames
 * @param {number} rows
 * @returns {Stretch[]}
 */
function stretchesOf(frames, rows) {
  /** @type {Stretch[]} */
  const stretches = [];
  for (let row = 0; row < rows; row++) {
    /** @type {Stretch | undefined} */
    let open;
    for (const { atMs, rows: texts } of frames) {
      const text = texts[row] ?? '';
      if (open?.text === text) continue;
      if (open) open.toMs = atMs;
      open = { row, text, fromMs: atMs, toMs: Infinity };
      stretches.push(open);
    }
  }
  return stretches.filter(({ text }) => runsOf(text).length > 0);
}

/** @param {Stretch} stretch */
function keyOf({ fromMs, toMs }) {
  return `${fromMs} ${toMs}`;
}

/**
 * For Node 20, which has no Map.groupBy.
 * @param {Stretch[]} stretches
 */
function groupBy(stretches) {
  /** @type {Map<string, Stretch[]>} */
  const groups = new Map();
  for (const each of stretches) groups.set(keyOf(each), [...(groups.get(keyOf(each)) ?? []), each]);
  return groups;
}

/** @param {Stretch} stretch */
function rowOf({ row, text }) {
  const y = MARGIN + row * CELL.height + 13;
  return runsOf(text)
    .map(({ column, text: piece, look }) => {
      // The length keeps the columns in whatever monospaced font there is.
      const length = [...piece].length * CELL.width;
      const kind = look === '' ? '' : ` class="${look}"`;
      return `<text x="${MARGIN + column * CELL.width}" y="${y}" textLength="${length}"${kind}>${escaped(piece)}</text>`;
    })
    .join('');
}

/**
 * @param {number} ms
 * @param {number} totalMs
 */
function percent(ms, totalMs) {
  return `${Number(((100 * ms) / totalMs).toFixed(3))}%`;
}

/** @param {string} text */
function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
