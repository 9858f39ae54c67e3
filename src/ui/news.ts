import type { View } from '../report/pages/view-model.ts';
import type { ViewNews } from './model.ts';

/** What changes one view into the other; undefined if nothing does. */
export function newsBetween(before: View, after: View): ViewNews | undefined {
  const news: ViewNews = { values: {}, lists: {} };
  for (const key of Object.keys(after) as (keyof View)[]) {
    const [old, now] = [before[key], after[key]];
    if (Array.isArray(old) && Array.isArray(now)) {
      const keep = alikeAtStart(old, now);
      if (keep < old.length || keep < now.length) news.lists[key] = { keep, add: now.slice(keep) };
    } else if (!isAlike(old, now)) {
      Object.assign(news.values, { [key]: now });
    }
  }
  const isNone = Object.keys(news.values).length + Object.keys(news.lists).length === 0;
  return isNone ? undefined : news;
}

function alikeAtStart(old: readonly unknown[], now: readonly unknown[]): number {
  const end = Math.min(old.length, now.length);
  let place = 0;
  while (place < end && isAlike(old[place], now[place])) place++;
  return place;
}

/** What is settled is the same object in each view, and costs nothing. */
function isAlike(old: unknown, now: unknown): boolean {
  return old === now || JSON.stringify(old) === JSON.stringify(now);
}
