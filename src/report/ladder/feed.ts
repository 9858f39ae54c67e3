import type { Timeline } from '../../evidence/timeline.ts';
import { type LadderOptions, ladderParts } from './ladder.ts';

/** A ladder that grows with its timeline: gives each line once, when it is final. */
export class LadderFeed {
  readonly #options: LadderOptions;
  /** How many rows of each moment were given. What comes late to a moment of the past is given late. */
  readonly #given = new Map<number, number>();
  #isBegun = false;

  constructor(options: LadderOptions) {
    this.#options = options;
  }

  /** The lines that are new, when all that happened up to `knownUntilMs` is on the timeline. */
  next(timeline: Timeline, knownUntilMs: number): string[] {
    const { head, rows } = ladderParts(timeline, this.#options);
    const lines = this.#isBegun ? [] : head;
    this.#isBegun = true;
    const met = new Map<number, number>();
    for (const { atMs, text } of rows.filter((row) => row.atMs <= knownUntilMs)) {
      const number = (met.get(atMs) ?? 0) + 1;
      met.set(atMs, number);
      if (number <= (this.#given.get(atMs) ?? 0)) continue;
      this.#given.set(atMs, number);
      lines.push(text);
    }
    return lines;
  }

  /** All that is left, and what the signs mean. */
  end(timeline: Timeline): string[] {
    return [...this.next(timeline, Number.POSITIVE_INFINITY), ...ladderParts(timeline, this.#options).legend];
  }
}
