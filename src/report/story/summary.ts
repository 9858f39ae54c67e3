import type { Flight } from './flight.ts';
import type { Label } from './label.ts';
import type { Moment } from './moment.ts';

/**
 * Adds the flights of many connections to the moments. Those between two moments become one
 * flight for each direction, set of flags, and ending.
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
  const groups = new Map<string, [Flight, ...Flight[]]>();
  for (const flight of flights) {
    const group = groups.get(shape(flight));
    if (group) group.push(flight);
    else groups.set(shape(flight), [flight]);
  }
  return [...groups.values()].map(crowdMoment);
}

/** Equal flights, as one. */
export function crowdMoment(crowd: [Flight, ...Flight[]]): Moment {
  const [first] = crowd;
  const label = crowd.length === 1 ? first.label : sharedLabel(first, crowd.length);
  const flight = { ...first, label };
  return { atMs: first.departsMs, what: 'departure', flight, sender: [], receiver: [], isWhole: true, crowd };
}

/** What flights of several connections have in common: not their numbers. */
function sharedLabel({ label, origin }: Flight, others: number): Label {
  const marks = origin === 'crafted' ? 'crafted' : (/again$/.exec(label.marks)?.[0] ?? '');
  return { ...label, port: null, others, numbers: '', marks };
}

function shape(flight: Flight): string {
  return JSON.stringify([flight.from, sharedLabel(flight, 0), flight.origin, flight.ending]);
}
