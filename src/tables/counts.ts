import { rowOf, type TableRow } from './row.ts';
import { stateWord, tokensOf } from './words.ts';

/** A count of sockets in a state, as `sort | uniq -c` (`20 CLOSE_WAIT`) or awk (`CLOSE_WAIT 20`) print it. */
export function countRow(text: string): TableRow | undefined {
  const [first = '', second = '', ...more] = tokensOf(text.replace(/[:=,|]/g, ' '));
  if (more.length > 0) return undefined;
  const state = stateWord(first) ?? stateWord(second);
  const count = /^\d{1,9}$/.test(first) ? first : second;
  if (!state || !/^\d{1,9}$/.test(count)) return undefined;
  return rowOf({ state, count: Number(count) });
}

/** What `uniq -c` makes of netstat's header and of lines without that column: a number, and at most a word that is not a state. */
export function isCountedHeader(text: string): boolean {
  return /^\s*\d{1,9}(\s+(Foreign|State|\(servers|established\)|Address|Local|Recv-Q|and|Proto))?\s*$/.test(
    text,
  );
}
