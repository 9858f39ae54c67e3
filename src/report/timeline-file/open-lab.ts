import type { TimelineEvent } from '../../evidence/events.ts';
import { settle } from '../../evidence/packet-index.ts';
import { Timeline } from '../../evidence/timeline.ts';
import { LineError } from './lines.ts';
import { CUT } from './parse.ts';

const SETTLE_EVERY = 4096;

/** The events of one packet are not further apart. */
const TOGETHER_MS = 100;

/** The events of one lab, as they come in. */
export class OpenLab {
  readonly #scenario: string;
  readonly #timeline = new Timeline();
  #lastMs = Number.NEGATIVE_INFINITY;
  #isWhole = false;

  constructor(scenario: string) {
    this.#scenario = scenario;
  }

  add(event: TimelineEvent, line: number): void {
    const { atMs } = event;
    if (atMs < this.#lastMs) {
      const found = `atMs ${atMs} after ${this.#lastMs}`;
      throw new LineError(line, `expected events in the order of time, found ${found}`);
    }
    if (event.type === 'claimed' || event.type === 'gave-up') {
      this.#isWhole = true;
      if (event.scenario !== this.#scenario) {
        const found = `${this.#scenario}, which is next in the run, found ${event.scenario}`;
        throw new LineError(line, `expected ${found}`);
      }
    }
    this.#lastMs = atMs;
    this.#timeline.add(event);
    // As a lab does: of a long one, no more is kept than of a lab.
    if (this.#timeline.added % SETTLE_EVERY === 0) settle(this.#timeline, atMs - TOGETHER_MS);
  }

  close(line: number): Timeline {
    if (this.#isWhole) return this.#timeline;
    throw new LineError(line, `expected claimed or gave-up before the lab of ${this.#scenario} ends`, CUT);
  }
}
