import { throwTogether } from '../error.ts';

/**
 * Undoes a setup that fails halfway: the standard's `DisposableStack`, which Node has only from version 24 on, as far as
 * tcplab needs it. `using` disposes of it at the end of a block; `move()` before that keeps what was set up.
 */
export class DisposableStack implements Disposable {
  #steps: (() => void)[] = [];

  /** The last step that was deferred runs first. */
  defer(step: () => void): void {
    this.#steps.unshift(step);
  }

  /** Hands all steps over to a new stack, so that this one undoes nothing. */
  move(): DisposableStack {
    const moved = new DisposableStack();
    [moved.#steps, this.#steps] = [this.#steps, []];
    return moved;
  }

  /** Takes every step, whatever happens to the others, and throws at the end what went wrong. */
  [Symbol.dispose](): void {
    const errors: unknown[] = [];
    for (const step of this.#steps.splice(0)) {
      try {
        step();
      } catch (error) {
        errors.push(error);
      }
    }
    throwTogether(errors);
  }
}

/** The same for steps that take time: each is awaited before the next one starts. */
export class AsyncDisposableStack implements AsyncDisposable {
  #steps: (() => unknown)[] = [];

  defer(step: () => unknown): void {
    this.#steps.unshift(step);
  }

  move(): AsyncDisposableStack {
    const moved = new AsyncDisposableStack();
    [moved.#steps, this.#steps] = [this.#steps, []];
    return moved;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const errors: unknown[] = [];
    for (const step of this.#steps.splice(0)) {
      try {
        await step();
      } catch (error) {
        errors.push(error);
      }
    }
    throwTogether(errors);
  }
}
