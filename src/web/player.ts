interface Steps {
  /** How long until the next step, in milliseconds; undefined when there is none. */
  next(): number | undefined;
  advance(): void;
  changed(): void;
}

/** Stretches microseconds so that they are visible, and shortens minutes. */
const SHORTEST_MS = 180;
const LONGEST_MS = 900;

/** Plays step after step, slower than life where life is too fast, and faster where it is too slow. */
export class Player {
  readonly #steps: Steps;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(steps: Steps) {
    this.#steps = steps;
  }

  get isPlaying(): boolean {
    return this.#timer !== undefined;
  }

  toggle(): void {
    if (this.isPlaying) this.stop();
    else this.#plan();
    this.#steps.changed();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #plan(): void {
    const gap = this.#steps.next();
    this.#timer = undefined;
    if (gap === undefined) return;
    const wait = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, gap));
    this.#timer = setTimeout(() => {
      this.#steps.advance();
      this.#plan();
    }, wait);
  }
}
