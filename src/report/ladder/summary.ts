import type { Flight } from './flight.ts';
import type { Moment } from './moments.ts';

/**
 * Puts the flights of a crowd of connections among the moments. Those between two moments are told together: one
 * flight for all that went the same way, with the same flags, and ended alike.
 */
export function summarise(moments: readonly Moment[], crowd: readonly Flight[]): Moment[] {
  const waiting = crowd.toSorted((a, b) => a.departsMs - b.departsMs);
  const all: Moment[] = [];
  for (const moment of moments) {
    const count = waiting.findIndex(({ departsMs }) => departsMs >= moment.atMs);
    all.push(...together(waiting.splice(0, count < 0 ? waiting.length : count)), moment);
  }
  return [...all, ...together(waiting)];
}

function together(flights: Flight[]): Moment[] {
  const groups = new Map<string, { first: Flight; count: number }>();
  for (const flight of flights) {
    const group = groups.get(shape(flight));
    if (group) group.count++;
    else groups.set(shape(flight), { first: flight, count: 1 });
  }
  return [...groups.values()].map(({ first, count }): Moment => {
    const label = count === 1 ? first.label : [{ text: countLabel(first, count) }];
    const flight = { ...first, label };
    return { atMs: first.departsMs, what: 'departure', flight, sender: [], receiver: [], isWhole: true };
  });
}

function countLabel({ flags, label, origin }: Flight, count: number): string {
  const text = label.map((span) => span.text).join('');
  const kind = flags ?? text.slice(text.indexOf('ICMP'));
  const mark = origin === 'crafted' ? ' crafted' : text.endsWith(' again') ? ' again' : '';
  return `${count} others: ${kind}${mark}`;
}

function shape(flight: Flight): string {
  return JSON.stringify([flight.from, countLabel(flight, 0), flight.origin, flight.ending]);
}
