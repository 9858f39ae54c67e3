import { advance, answersSyn, type End, type Fact, type Input, UNKNOWN_END } from '../../tcp/fold.ts';
import type { State } from '../../tcp/state.ts';
import type { SeenInput } from '../inputs.ts';
import type { Observation } from './witness.ts';

/** What is known of one end from its segments and other facts so far. Advances with each, and never goes back. */
export class PacketFold {
  end: End = UNKNOWN_END;
  #listener: State | null = null;
  #doubt: string | undefined;
  #ofEnd: Observation[] = [];
  #ofListener: Observation[] = [];
  /** What is also known, about the time to come. */
  #expected: Fact[] = [];

  /** Adds other facts of the timeline, in any order; each counts from its time on. */
  expect(facts: readonly Fact[]): void {
    this.#expected = [...this.#expected, ...facts].sort((a, b) => a.atMs - b.atMs);
  }

  advance(input: SeenInput): void {
    this.learnUntil(input.atMs);
    this.#listener = listenerAfter(this.#listener, this.end, input);
    this.end = advance(this.end, input);
    this.#doubt ??= input.doubt;
    this.#observe(this.#ofEnd, input.atMs, this.end.states, this.end.why);
    const { states, why } = observedOfListener(this.#listener);
    this.#observe(this.#ofListener, input.atMs, states, why);
  }

  learnUntil(untilMs: number): void {
    const isPast = ({ atMs }: Fact) => atMs <= untilMs;
    const count = this.#expected.findIndex((fact) => !isPast(fact));
    const facts = this.#expected.splice(0, count < 0 ? this.#expected.length : count);
    for (const fact of facts) {
      // Without a segment there is no socket that could be closed.
      if (this.#ofEnd.length === 0 && !('known' in fact || 'called' in fact)) continue;
      this.end = advance(this.end, fact);
      const { states, why } = this.end;
      const isNews = this.#ofEnd.length > 0 && this.#ofEnd.at(-1)?.states.join() !== states.join();
      if (isNews) this.#observe(this.#ofEnd, Math.max(0, fact.atMs), states, why);
    }
  }

  /** Of successive equal observations, the first and the last. */
  observations(listening: boolean): readonly Observation[] {
    return listening ? this.#ofListener : this.#ofEnd;
  }

  /** An independent copy. */
  copy(): PacketFold {
    const copy = new PacketFold();
    copy.end = this.end;
    copy.#listener = this.#listener;
    copy.#doubt = this.#doubt;
    copy.#ofEnd = [...this.#ofEnd];
    copy.#ofListener = [...this.#ofListener];
    copy.#expected = [...this.#expected];
    return copy;
  }

  #observe(observations: Observation[], atMs: number, all: readonly State[], whyNot: string | null): void {
    const states = this.#doubt === undefined ? all : [];
    const why = this.#doubt ?? whyNot;
    const isSame = (before: Observation | undefined) =>
      before?.states.join() === states.join() && before.why === why;
    if (isSame(observations.at(-1)) && isSame(observations.at(-2))) observations.pop();
    observations.push({ atMs, states, why });
  }
}

function observedOfListener(listener: State | null): Omit<Observation, 'atMs'> {
  return { states: listener ? [listener] : [], why: listener ? null : 'no segment has shown the state yet' };
}

/** A listener shows in its answers to SYNs, whatever becomes of the connections. */
function listenerAfter(before: State | null, end: End, input: Input): State | null {
  if (input.direction !== 'sent' || !answersSyn(end, input.segment)) return before;
  return input.segment.flags.includes('R') ? 'CLOSED' : 'LISTEN';
}
