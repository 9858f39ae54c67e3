import { TcplabError } from '../error.ts';

/**
 * Steps that end something, in their order. Each is taken, whatever becomes of the others; those that failed are taken once
 * more the next time, and the others are not.
 */
export class Ending {
  #steps: (() => unknown)[];
  #running: Promise<void> | undefined;

  constructor(steps: (() => unknown)[]) {
    this.#steps = steps;
  }

  /** Throws what went wrong, at the end. */
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
    const [first, ...others] = failed.map(({ error }) => error);
    if (others.length === 0) {
      if (first !== undefined) throw first;
      return;
    }
    const errors = [first, ...others];
    const message = errors.map((error) => (error instanceof Error ? error.message : String(error)));
    throw new TcplabError('SYSTEM', message.join('; '), { cause: new AggregateError(errors) });
  }
}
