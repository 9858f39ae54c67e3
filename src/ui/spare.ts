import { Lab, type LabOptions } from '../lab/lab.ts';

/** An empty lab that is ready before it is asked for: to open one takes longer than all that is then done in it. */
export class Spare {
  readonly #options: LabOptions;
  #lab: Promise<Lab | undefined> | undefined;

  constructor(options: LabOptions) {
    this.#options = options;
  }

  prepare(): void {
    // If this fails, take() opens a lab again and reports the error.
    this.#lab ??= Lab.open(this.#options).catch(() => undefined);
  }

  async take(): Promise<Lab> {
    const lab = this.#lab;
    this.#lab = undefined;
    return (await lab) ?? Lab.open(this.#options);
  }

  async drop(): Promise<void> {
    const lab = this.#lab;
    this.#lab = undefined;
    await (await lab)?.[Symbol.asyncDispose]();
  }
}
