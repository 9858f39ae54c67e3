import { setImmediate as soon } from 'node:timers/promises';

/**
 * Labs side by side share one thread: they go to their states one after the other, and only the waiting overlaps,
 * so that each takes as long as it would alone.
 */
export class Turn {
  #last: Promise<void> = Promise.resolve();

  /** Waits for the turn. Gives what passes it on; once is enough, more does no harm. */
  async take(): Promise<() => void> {
    const before = this.#last;
    let pass: () => void = () => {};
    this.#last = new Promise((resolve) => {
      pass = resolve;
    });
    await before;
    // Between two of them, what the labs before have to look at while they hold.
    await soon();
    return pass;
  }
}
