/**
 * Events in the order of time; those of one moment in the order in which they came. Sources are read one after the other, so what
 * comes late is put in its place when somebody reads: an event costs the same however many there are.
 */
export class InTime<T extends { atMs: number }> {
  #events: T[] = [];
  /** So many are in order; the rest came since the last reading. */
  #ordered = 0;

  add(event: T): void {
    const { length } = this.#events;
    const last = this.#events[length - 1];
    if (this.#ordered === length && (!last || last.atMs <= event.atMs)) this.#ordered++;
    this.#events.push(event);
  }

  get length(): number {
    return this.#events.length;
  }

  /** In order. Not to be kept: it changes with what comes. */
  get all(): readonly T[] {
    if (this.#ordered < this.#events.length) this.#order();
    return this.#events;
  }

  /** Takes out those from `fromMs` on and before `untilMs` that match, and gives them. */
  takeOut(fromMs: number, untilMs: number, matches: (event: T) => boolean = () => true): T[] {
    const [from, until] = [firstFrom(this.all, fromMs), firstFrom(this.all, untilMs)];
    const between = this.#events.slice(from, until);
    const taken = between.filter(matches);
    if (taken.length === 0) return taken;
    const stay = between.filter((event) => !matches(event));
    this.#events = [...this.#events.slice(0, from), ...stay, ...this.#events.slice(until)];
    this.#ordered = this.#events.length;
    return taken;
  }

  /** Merges what came since the last reading: stable, and only with those that are not older. */
  #order(): void {
    const news = this.#events.splice(this.#ordered).sort((a, b) => a.atMs - b.atMs);
    const first = news[0] as T;
    const later = this.#events.splice(firstAfter(this.#events, first.atMs));
    let next = 0;
    for (const event of news) {
      while (next < later.length && (later[next] as T).atMs <= event.atMs)
        this.#events.push(later[next++] as T);
      this.#events.push(event);
    }
    while (next < later.length) this.#events.push(later[next++] as T);
    this.#ordered = this.#events.length;
  }
}

/** The place of the first that is at `ms` or later. */
export function firstFrom(events: readonly { atMs: number }[], ms: number): number {
  return placeOfFirst(events, ({ atMs }) => atMs >= ms);
}

/** The place of the first that is later than `ms`: so many are not. */
export function firstAfter(events: readonly { atMs: number }[], ms: number): number {
  return placeOfFirst(events, ({ atMs }) => atMs > ms);
}

/** Binary search: all later events match too. */
export function placeOfFirst<T>(all: readonly T[], isSo: (one: T) => boolean): number {
  let [low, high] = [0, all.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isSo(all[middle] as T)) high = middle;
    else low = middle + 1;
  }
  return low;
}
