const SIZE = 512;

/** Items that each cover a range of a line, found by position without a search through all. */
export class Buckets<T> {
  readonly size: number;
  readonly #buckets: T[][] = [];
  readonly #stretchOf: (thing: T) => readonly [from: number, to: number];

  constructor(things: readonly T[], stretchOf: (thing: T) => readonly [from: number, to: number]) {
    this.size = things.length;
    this.#stretchOf = stretchOf;
    for (const thing of things) {
      const [from, to] = stretchOf(thing);
      for (let index = placeOf(from); index <= placeOf(to); index++) {
        const bucket = this.#buckets[index];
        if (bucket) bucket.push(thing);
        else this.#buckets[index] = [thing];
      }
    }
  }

  /** Those that touch a stretch, in the order in which they were given. */
  between(from: number, to: number): T[] {
    const found = new Set<T>();
    for (let index = placeOf(from); index <= placeOf(to); index++) {
      for (const thing of this.#buckets[index] ?? []) {
        const [start, end] = this.#stretchOf(thing);
        if (start <= to && end >= from) found.add(thing);
      }
    }
    return [...found];
  }
}

function placeOf(position: number): number {
  return Math.max(0, Math.floor(position / SIZE));
}
