import type { Held, Unseen } from './events.ts';

/** Five times the longest pause that a hold makes between two looks. */
const UNSEEN_FROM_MS = 1000;

/** The samples of a held state, and the gaps between them, when tcplab was stopped or the machine busy. */
export class Samples {
  readonly #fromMs: number;
  #samples = 1;
  #lastMs: number;
  readonly #unseen: Unseen[] = [];

  /** The first look was at `fromMs`, when the state was claimed. */
  constructor(fromMs: number) {
    this.#fromMs = fromMs;
    this.#lastMs = fromMs;
  }

  /** A look was over at `nowMs`. */
  add(nowMs: number): void {
    this.#samples++;
    if (nowMs - this.#lastMs > UNSEEN_FROM_MS) this.#unseen.push({ fromMs: this.#lastMs, toMs: nowMs });
    this.#lastMs = nowMs;
  }

  /** When the last one was over. */
  get lastMs(): number {
    return this.#lastMs;
  }

  /** A hold of so many looks that ended at `atMs`. */
  held(atMs: number): Held {
    return { type: 'held', ...this.looks(atMs) };
  }

  /** The same for anything else that tcplab looks at. */
  looks(atMs: number): Omit<Held, 'type'> {
    const unseen = this.#unseen.length > 0 ? { unseen: [...this.#unseen] } : {};
    return { atMs, fromMs: this.#fromMs, samples: this.#samples, ...unseen };
  }
}
