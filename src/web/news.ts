import type { View } from '../report/pages/view-model.ts';
import type { LabMessage, LabNews } from '../ui/model.ts';

/** The message that the news make of the one that they are about. */
export function withNews(before: LabMessage, next: LabMessage | LabNews): LabMessage {
  if ('view' in next) return next;
  const { since: _, news, ...rest } = next;
  const lists = Object.entries(news.lists).map(([key, { keep, add }]) => {
    const old = before.view[key as keyof View] as readonly unknown[];
    return [key, [...old.slice(0, keep), ...add]];
  });
  return { ...rest, view: { ...before.view, ...news.values, ...Object.fromEntries(lists) } };
}
