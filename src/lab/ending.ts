import { throwTogether } from '../error.ts';

/**
 * Steps that end something, in their order. Every step is taken, whatever happens to the others. The next run takes only the
 * steps that failed.
 */
export class Ending {
  #steps: (() => unknown)[];
  #running: Promise<void> | undefined;

  constructor(steps: (() => unknown)[]) {
    this.#steps = steps;
  }

  /** Throws at the end what went wrong. */
  run(): Promise<void> {
    this.#running ??= this.#takeAll().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #takeAll(): Promise<void> {
    const failed: { step: () => unknown; error: unknown }[] = [];
    for (const step of this.#steps) {
      try {
        await step();
      } catch (error) {
        failed.push({ step, error });
      }
    }
    this.#steps = failed.map(({ step }) => step);
    throwTogether(failed.map(({ error }) => error));
  }
}
