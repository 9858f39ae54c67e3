import { printableJson } from '../printable.ts';
import { fitting, mustFit } from './arguments.ts';
import type { TimelineEvent } from './events.ts';
import { isLineType } from './line-shapes.ts';
import type { Shape } from './shape.ts';

type OfType<T extends TimelineEvent['type']> = Extract<TimelineEvent, { type: T }>;

const TYPE: Shape<string> = fitting('the type of an event', (value) => isLineType(String(value)));

/** Everything that happened in a lab, on both hosts, ordered on one clock. */
export class Timeline implements Iterable<TimelineEvent> {
  readonly #events: TimelineEvent[] = [];
  /** The same, apart: most folds look at few kinds of many. */
  readonly #byType = new Map<TimelineEvent['type'], TimelineEvent[]>();
  readonly #listeners = new Set<(event: TimelineEvent) => void>();

  /** Puts the event in its place: sources are read one after the other, so one may come with an earlier stamp. */
  add(given: TimelineEvent): void {
    const event = printableEvent(given);
    putInPlace(this.#events, event);
    const alike = this.#byType.get(event.type);
    if (alike) putInPlace(alike, event);
    else this.#byType.set(event.type, [event]);
    for (const listener of this.#listeners) listener(event);
  }

  /** Calls `listener` with each event as it becomes known (not quite in order). Gives what ends that. */
  follow(listener: (event: TimelineEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The events of one type, in order: a copy. */
  of<T extends TimelineEvent['type']>(type: T): OfType<T>[] {
    const events = this.#byType.get(type);
    if (!events) mustFit('Timeline.of() type', TYPE, type, 'docs/timeline.md lists the types');
    return [...((events ?? []) as OfType<T>[])];
  }

  get length(): number {
    return this.#events.length;
  }

  [Symbol.iterator](): Iterator<TimelineEvent> {
    return this.#events[Symbol.iterator]();
  }
}

/** Frequent events, whose texts are tcplab's own. */
const OWN_TEXT: ReadonlySet<TimelineEvent['type']> = new Set([
  'captured',
  'crafted',
  'dropped',
  'sockets',
  'kernel',
  'kernel-dropped',
  'counted',
  'rule-counted',
]);

/** Everything that is shown of a lab comes from its timeline, so this is where a program's words become safe to print. */
function printableEvent<T extends TimelineEvent>(event: T): T {
  if (OWN_TEXT.has(event.type)) return event;
  const text = JSON.stringify(event);
  const safe = printableJson(text);
  return safe === text ? event : (JSON.parse(safe) as T);
}

/** After all that are no later. */
function putInPlace(events: TimelineEvent[], event: TimelineEvent): void {
  let place = events.length;
  while (place > 0 && (events[place - 1] as TimelineEvent).atMs > event.atMs) place--;
  events.splice(place, 0, event);
}

/** Throws USAGE for anything but a timeline; a Promise of one is the usual mistake. */
export function mustBeTimeline(call: string, value: unknown): asserts value is Timeline {
  const shape = fitting<Timeline>('a Timeline', (given) => given instanceof Timeline);
  mustFit(`${call}() timeline`, shape, value, 'await runScenario(scenario) returns a timeline');
}
