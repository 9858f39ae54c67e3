import type { Transition } from '../../../evidence/transitions.ts';
import { RETURNS_WITHIN_MS } from '../../story/calls.ts';
import type { Flight } from '../../story/flight.ts';
import type { Moment } from '../../story/moment.ts';
import { crowdMoment } from '../../story/summary.ts';

/** A moment to go through; one that is not new only changes how those after it look. */
export interface NewsItem {
  moment: Moment;
  isNew: boolean;
  /** An earlier telling gave it another end. */
  isAgain?: boolean;
}

/** A story grows with each telling: this picks the news from it. */
export class News {
  #reported = new Set<string>();
  /** Not only of this story: a change that one telling leaves out is none for the next. */
  readonly #changes = new Set<string>();

  /** The news when all up to `knownUntilMs` is known, in its order; news that comes late has its place in that order too. */
  next(moments: readonly Moment[], knownUntilMs: number): NewsItem[] {
    const fromMs = openFromMs(moments, knownUntilMs);
    const isOver = knownUntilMs === Number.POSITIVE_INFINITY;
    const may = (atMs: number) => atMs <= knownUntilMs && atMs < fromMs;
    const [before, now, times] = [this.#reported, new Set<string>(), new Map<string, number>()];
    const isFirst = (name: string) => {
      const time = (times.get(name) ?? 0) + 1;
      times.set(name, time);
      const key = time === 1 ? name : `${name} ×${time}`;
      now.add(key);
      return !before.has(key);
    };
    const news: NewsItem[] = [];
    for (const moment of moments) {
      if (!may(moment.atMs)) break;
      if (moment.what === 'note' && moment.isFinal && !isOver) continue;
      if (moment.what === 'change') {
        news.push({ moment, isNew: this.#isNewChange(moment.transition) });
      } else if (moment.what !== 'departure' && moment.what !== 'arrival') {
        news.push({ moment, isNew: isFirst(nameOf(moment)) });
      } else if (moment.what === 'departure' && moment.crowd) {
        const [first, ...rest] = moment.crowd.filter(
          (flight) => may(flight.departsMs) && isFirst(nameOfFlight(flight)),
        );
        if (first) news.push({ moment: crowdMoment([first, ...rest]), isNew: true });
      } else {
        const name = nameOfFlight(moment.flight);
        const isNew = [
          moment.what === 'departure' && isFirst(name),
          // On one line with its departure, or on its own: late news may change that.
          (moment.what === 'arrival' || moment.isWhole) && isFirst(`${name} arrival`),
        ].includes(true);
        const isAgain = isNew && moment.what === 'departure' && before.has(departureOf(moment.flight));
        now.add(departureOf(moment.flight));
        news.push(...this.#withChanges({ moment, isNew, isAgain }));
      }
    }
    this.#reported = now;
    return news;
  }

  /** A change that becomes known after its segment has a row of its own. */
  #withChanges(item: NewsItem & { moment: Extract<Moment, { flight: Flight }> }): NewsItem[] {
    const { moment, isNew } = item;
    const all = [...(moment.what === 'departure' ? moment.sender : []), ...moment.receiver];
    const late = all.filter((one) => this.#isNewChange(one) && !isNew);
    if (late.length === 0) return [item];
    const isKnown = (one: Transition) => !late.includes(one);
    const receiver = moment.receiver.filter(isKnown);
    const rest: Moment =
      moment.what === 'departure'
        ? { ...moment, sender: moment.sender.filter(isKnown), receiver }
        : { ...moment, receiver };
    return [
      { ...item, moment: rest },
      ...late.map((transition): NewsItem => {
        return { moment: { atMs: transition.atMs, what: 'change', transition }, isNew: true };
      }),
    ];
  }

  #isNewChange({ host, from, to, atMs }: Transition): boolean {
    const key = `${host} ${from} ${to} ${atMs}`;
    const isNew = !this.#changes.has(key);
    this.#changes.add(key);
    return isNew;
  }
}

/** A machine with more to do than it can may take so long from one end of a wire to the other. */
const ARRIVES_WITHIN_MS = 20;

/** The time of the first flight whose ending is still open. All from then on waits, so that it is printed in order. */
function openFromMs(moments: readonly Moment[], knownUntilMs: number): number {
  const isOpen = ({ departsMs, arrivesMs, ending }: Flight) => {
    if (arrivesMs !== null) return arrivesMs > knownUntilMs;
    return ending.what !== 'dropped' && departsMs > knownUntilMs - ARRIVES_WITHIN_MS;
  };
  let fromMs = Number.POSITIVE_INFINITY;
  for (const moment of moments) {
    if (moment.atMs > knownUntilMs || moment.atMs >= fromMs) break;
    if (moment.what === 'call' && moment.part === 'soon' && moment.atMs > knownUntilMs - RETURNS_WITHIN_MS)
      fromMs = moment.atMs;
    if (moment.what !== 'departure') continue;
    for (const flight of moment.crowd ?? [moment.flight])
      if (isOpen(flight)) fromMs = Math.min(fromMs, flight.departsMs);
  }
  return fromMs;
}

function nameOf(moment: Exclude<Moment, { flight: Flight } | { what: 'change' }>): string {
  const { what, atMs } = moment;
  switch (what) {
    case 'call':
      return `${what} ${atMs} ${moment.host} ${moment.socket} ${moment.text}`;
    case 'rule-set':
    case 'rule-lifted':
      return `${what} ${moment.rule}`;
    case 'hold':
      return `${what} ${moment.edge}`;
    case 'note':
      return `${what} ${atMs} ${moment.text}`;
  }
}

/** By how it ended too: a segment that seemed lost and then arrived is news again. */
function nameOfFlight(flight: Flight): string {
  const { ending } = flight;
  const how = ending.what === 'dropped' ? `dropped ${ending.hook} ${ending.by}` : ending.what;
  return `${departureOf(flight)} ${how}`;
}

function departureOf({ connection, departsMs, from }: Flight): string {
  return `${from} ${connection.client.port} ${connection.server.port} ${departsMs}`;
}
