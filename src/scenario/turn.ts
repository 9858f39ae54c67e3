import { setImmediate as soon } from 'node:timers/promises';

/**
 * Labs side by side share one thread: they go to their states one after the other, and only the waiting overlaps,
 * so that each takes as long as it would alone.
 */
export class Turn {
  #last: Promise<void> = Promise.resolve();

  /** Waits for the turn. Returns a function that passes it on; a second call does nothing. */
  async take(): Promise<() => void> {
    const before = this.#last;
    let pass: () => void = () => {};
    this.#last = new Promise((resolve) => {
      pass = resolve;
    });
    await before;
    // Between two turns, the earlier labs poll their holds.
    await soon();
    return pass;
  }
}
