import type { Timeline } from '../../evidence/timeline.ts';
import { type LadderOptions, type LadderParts, ladderParts } from './ladder.ts';

/** A ladder that grows with its timeline: gives each line once, when it is final. */
export class LadderFeed {
  readonly #options: LadderOptions;
  /** How many rows of each moment were given. Late news of a past moment comes late. */
  #given = new Map<number, number>();
  #columns: number | undefined;
  #isBegun = false;

  constructor(options: LadderOptions) {
    this.#options = options;
  }

  /**
   * The lines that are new, when all that happened up to `knownUntilMs` is on the timeline. For another width than the
   * last one the ladder goes on under a head of its own.
   */
  next(timeline: Timeline, knownUntilMs: number, columns?: number): string[] {
    if (!this.#isBegun) this.#columns = columns;
    const lines = this.#isBegun ? [] : this.#parts(timeline).head;
    this.#isBegun = true;
    lines.push(...this.#rows(timeline, knownUntilMs));
    if (columns === this.#columns) return lines;
    this.#columns = columns;
    this.#given = new Map();
    this.#rows(timeline, knownUntilMs);
    return [...lines, ...this.#parts(timeline).head];
  }

  /** The rest, and what the signs mean. */
  end(timeline: Timeline, columns?: number): string[] {
    return [...this.next(timeline, Number.POSITIVE_INFINITY, columns), ...this.#parts(timeline).legend];
  }

  #rows(timeline: Timeline, knownUntilMs: number): string[] {
    const { rows } = this.#parts(timeline);
    const lines: string[] = [];
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

  #parts(timeline: Timeline): LadderParts {
    return ladderParts(timeline, {
      ...this.#options,
      ...(this.#columns === undefined ? {} : { width: this.#columns }),
    });
  }
}
