import type { Change } from '../report/pages/view-model.ts';

export function whyChanged({ arc, why }: Change): string {
  if (arc) return `${arc.trigger} (transition ${arc.number}; RFC 9293, ${arc.clause})`;
  return why ?? 'not a transition of RFC 9293';
}

export function confirmedBy({ seenBy }: Change): string {
  return seenBy.length > 0 ? `, confirmed by ${seenBy.join(', ')}` : '';
}
