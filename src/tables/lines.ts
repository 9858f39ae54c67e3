import type { Line } from './shown.ts';
import { stateWord } from './words.ts';

/** Where rows begin. Such a line does not continue the one before. */
const BEGINS =
  /^\s*(?:tcp(?:4|6|46)?|udp6?|udplite6?|raw6?|unix|u_\w+|nl|ipv[46]|icmp6?|TCP|UDP|Proto|Netid|Active|Every|sl|COMMAND|Recv-Q)\s|^\s*\d+:\s+[\dA-Fa-f]{8}/;
const LSOF = /^\S+\s+\d+\s.*\sIPv[46]\s/;
const STATELESS = /^\s*\d+\s+\d+\s+\S+:\S+\s+\S+:\S+/;
const PROMPT = /^(?:\S.{0,79}?)?[$#%❯]\s/;
/** What follows a row on the lines that `ss -i`, `-m` and `-e` add. */
const INFO =
  /^\s*(?:(?:ts|sack|ecn|ecnseen|fastopen|cubic|bbr\d?|reno|dctcp|vegas|westwood|htcp|bic|lp|nv|cdg)\s+)*(?:skmem|wscale|rto|cwnd|mss|rtt|bytes_\w+|segs_\w+):/;
/** The columns on the right of a row, alone on a line. */
const TAIL =
  /^\s*(?:users:\(\(|timer:\(|ino:\d|uid:\d|\d+\/\S|-\s*$|(?:off|on|keepalive|timewait|probe) \(\d|\((?:LISTEN|ESTABLISHED|[A-Z]+_[A-Z0-9]+)\))/;

function begins(text: string): boolean {
  const [first, second] = text.trim().split(/\s+/, 2);
  return (
    BEGINS.test(text) ||
    LSOF.test(text) ||
    STATELESS.test(text) ||
    PROMPT.test(text) ||
    (stateWord(first) !== undefined && /^\d+$/.test(second ?? '')) ||
    /^(State|Local)\s/.test(text)
  );
}

/**
 * A table with the lines joined that belong together: those of `ss -i`, and those that were broken at the edge of a terminal.
 * `isRow`: whether a line is a row by itself.
 */
export function joinedLines(lines: readonly Line[], isRow: (text: string) => boolean): Line[] {
  const edge = edgeOf(lines, isRow);
  const joined: Line[] = [];
  /** The columns of the line before, if something may follow it. */
  let columns: number | undefined;
  for (const { number, text } of lines) {
    const last = joined.at(-1);
    const isNew = last === undefined || columns === undefined || text.trim() === '' || begins(text);
    const isBroken = edge !== undefined && columns === edge && !isNew && !isRow(text);
    if (!isNew && (isBroken || INFO.test(text) || TAIL.test(text))) {
      last.text += isBroken && !isApart(last.text, text) ? text : ` ${text.trimStart()}`;
    } else {
      joined.push({ number, text });
    }
    columns = text.trim() === '' ? undefined : columnsOf(text);
  }
  return joined;
}

/** Whether a word ends where a line was broken. */
function isApart(before: string, text: string): boolean {
  return (
    INFO.test(text) || (TAIL.test(text) && stateWord(before.trimEnd().split(/\s+/).at(-1)) !== undefined)
  );
}

/** The column at which lines were broken: the longest lines end there, and what follows them begins no row. */
function edgeOf(lines: readonly Line[], isRow: (text: string) => boolean): number | undefined {
  const columns = lines.map(({ text }) => columnsOf(text));
  const edge = columns.reduce((most, one) => Math.max(most, one), 0);
  if (edge < NARROWEST) return undefined;
  let [broken, whole] = [0, 0];
  columns.forEach((one, index) => {
    const next = lines[index + 1]?.text;
    if (one !== edge || next === undefined || next.trim() === '') return;
    if (begins(next) || INFO.test(next) || isRow(next)) whole++;
    else broken++;
  });
  return broken > 0 && (broken > 1 || whole <= 3) ? edge : undefined;
}

const NARROWEST = 40;

/** With tabs, as a terminal shows them. */
function columnsOf(text: string): number {
  if (!text.includes('\t')) return text.length;
  let columns = 0;
  for (const character of text) columns += character === '\t' ? 8 - (columns % 8) : 1;
  return columns;
}
