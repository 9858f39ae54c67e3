import { type Connection, isSelf } from '../evidence/connection.ts';
import type { Timeline } from '../evidence/timeline.ts';
import { type SeenEnd, type Stay, seenOn } from '../evidence/watch/seen-connections.ts';
import { isOpen, judgeStay, type Looks } from '../evidence/watch/view.ts';
import { STATE_EXPLANATIONS } from '../report/guide/explanation/states.ts';
import { sameConnection } from '../report/story/connections.ts';
import { formatEndpoint } from '../tcp/endpoint.ts';
import type { ConnectionView, EndView } from './model.ts';

/** More connections than these are not listed one by one. */
const MOST = 16;
/** A state is judged when it has lasted so long, as in a run. */
const HELD_MS = 100;
/** A verdict that took so long is not asked for again before so many times that have passed. */
const PATIENCE = 50;

interface Judged {
  view: EndView;
  added: number;
  againMs: number;
}

/** Where the ends of a lab's connections are now, with the word of each witness. */
export class Present {
  readonly #judged = new WeakMap<Stay, Judged>();

  /** The connection that the page is of comes first; then those that are open, and the listener if nothing else is there. */
  connections(timeline: Timeline, shown: Connection | undefined, looks: Looks): ConnectionView[] {
    const seen = seenOn(timeline);
    const isShown = (one: Connection) => shown !== undefined && sameConnection(one, shown);
    return seen.connections
      .filter((one) => isOpen(one) || isShown(one.connection))
      .slice(-MOST)
      .map(({ number, connection, ends }) => ({
        number,
        client: formatEndpoint(connection.client),
        server: formatEndpoint(connection.server),
        isShown: isShown(connection),
        ends: (isSelf(connection) ? [ends.client] : [ends.client, ends.server]).flatMap((end) =>
          this.#end(timeline, end, looks),
        ),
      }));
  }

  listeners(timeline: Timeline, looks: Looks): EndView[] {
    return seenOn(timeline)
      .listeners.filter(({ row }) => row !== null)
      .slice(-MOST)
      .flatMap((end) => this.#end(timeline, end, looks));
  }

  #end(timeline: Timeline, end: SeenEnd, looks: Looks): EndView[] {
    const stay = end.stays.at(-1);
    // Before its first socket, an end is in no state that anybody brought about.
    if (!stay || (end.stays.length === 1 && stay.state === 'CLOSED')) return [];
    const known = this.#judged.get(stay);
    if (known && (known.added === timeline.added || looks.atMs < known.againMs)) return [known.view];
    const { state, fromMs } = stay;
    const base = { host: end.host, state, brief: STATE_EXPLANATIONS[state].brief, sinceMs: fromMs };
    if (looks.atMs - fromMs < HELD_MS) return [{ ...base, word: null, because: null, witnesses: [] }];
    const beganMs = performance.now();
    const { word, because, witnesses } = judgeStay(timeline, end, stay, looks).verdict;
    const view: EndView = { ...base, word, because, witnesses };
    const againMs = looks.atMs + PATIENCE * (performance.now() - beganMs);
    this.#judged.set(stay, { view, added: timeline.added, againMs });
    return [view];
  }
}
