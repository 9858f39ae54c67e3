import type { Held, Unseen } from './events.ts';

/** Five times the longest pause that a hold makes between two looks. */
const UNSEEN_FROM_MS = 1000;

/** The looks at a state that is held, and the times in which there were none: tcplab was stopped, or the machine busy. */
export class Looks {
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
    const unseen = this.#unseen.length > 0 ? { unseen: [...this.#unseen] } : {};
    return { type: 'held', atMs, fromMs: this.#fromMs, samples: this.#samples, ...unseen };
  }
}

/** `5.2 s of the hold (from 1.3 s on)`: when nothing read the socket tables; null if there was no such time. */
export function unseenTime({ fromMs: startMs, unseen = [] }: Held): string | null {
  const [first] = unseen;
  if (!first) return null;
  const lastedMs = unseen.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
  const times = unseen.length > 1 ? `, ${unseen.length} times` : '';
  return `${seconds(lastedMs)} of the hold (from ${seconds(first.fromMs - startMs)} on${times})`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
