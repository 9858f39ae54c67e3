/** A moment on another machine's clock from which on the difference to the lab's is another. */
interface Stretch {
  fromMs: number;
  /** What to add to that clock. */
  offsetMs: number;
}

/**
 * Another machine's clock, translated into the lab's. The difference may be corrected later on; what has been translated
 * stays, and time never goes backwards.
 */
export class HostClock {
  readonly #stretches: Stretch[];

  constructor(offsetMs: number) {
    this.#stretches = [{ fromMs: Number.NEGATIVE_INFINITY, offsetMs }];
  }

  toLabMs(atMs: number): number {
    const index = this.#stretches.findLastIndex(({ fromMs }) => fromMs <= atMs);
    const { fromMs, offsetMs } = this.#stretches[index] as Stretch;
    const before = this.#stretches[index - 1];
    return Math.max(atMs + offsetMs, before ? fromMs + before.offsetMs : Number.NEGATIVE_INFINITY);
  }

  /** The difference as it is from the latest correction on. */
  get offsetMs(): number {
    return (this.#stretches.at(-1) as Stretch).offsetMs;
  }

  /** From a moment of that clock on, no earlier than that of the last correction. */
  correct(fromMs: number, offsetMs: number): void {
    this.#stretches.push({ fromMs: Math.max(fromMs, this.#stretches.at(-1)?.fromMs ?? fromMs), offsetMs });
  }
}
