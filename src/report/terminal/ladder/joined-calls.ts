import type { Moment } from '../../story/moment.ts';

/** Joins calls that nothing came in between: the same again as `×2`, those on one socket where they fit on a line. */
export function mergeCalls(moments: readonly Moment[], width: number): Moment[] {
  const merged: Moment[] = [];
  let times = 1;
  for (const moment of moments) {
    const last = merged.at(-1);
    const isNext = moment.what === 'call' && last?.what === 'call' && last.host === moment.host;
    // A result that came late has a time of its own.
    if (!isNext || last.socket !== moment.socket || moment.part === 'return') {
      merged.push(moment);
      times = 1;
      continue;
    }
    const once = times > 1 ? last.text.slice(0, last.text.lastIndexOf(' ')) : last.text;
    const both = `${last.text} ${moment.text}`;
    if (once === moment.text) merged[merged.length - 1] = { ...last, text: `${once} ×${++times}` };
    else if (both.length <= width) merged[merged.length - 1] = { ...last, text: both };
    else merged.push(moment);
    if (once !== moment.text) times = 1;
  }
  return merged;
}
