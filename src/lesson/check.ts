import { checkChange } from './check-change.ts';
import { checkState } from './check-state.ts';
import type { Lesson, LessonStep } from './lesson.ts';
import type { Answer, Done, Seen, StepCheck } from './step-check.ts';

/** Follows a lesson step by step: a step counts once those before it are done, and stays done. */
export class LessonProgress {
  readonly #lesson: Lesson;
  readonly #done: Done[] = [];
  #missing = '';

  constructor(lesson: Lesson) {
    this.#lesson = lesson;
  }

  get done(): readonly Done[] {
    return this.#done;
  }

  /** What the current step lacks; empty when all are done. */
  get missing(): string {
    return this.current ? this.#missing : '';
  }

  get current(): LessonStep | undefined {
    return this.#lesson.steps[this.#done.length];
  }

  /** Goes as far as the evidence does. Gives the steps that are done now and were not before. */
  check(seen: Seen, answers: readonly Answer[]): readonly Done[] {
    const before = this.#done.length;
    for (let step = this.current; step; step = this.current) {
      const result = checkStep(step, this.#done.length, seen, this.#done.at(-1), answers);
      if (!result.isDone) {
        this.#missing = result.missing;
        break;
      }
      this.#done.push(result);
    }
    return this.#done.slice(before);
  }
}

function checkStep(
  { goal }: LessonStep,
  index: number,
  seen: Seen,
  before: Done | undefined,
  answers: readonly Answer[],
): StepCheck {
  if (goal.kind === 'question') {
    const own = answers.filter(({ step }) => step === index);
    const right = own.find(({ text }) => goal.answers.some((answer) => plain(answer) === plain(text)));
    if (right) {
      const { atMs, text } = right;
      return { isDone: true, fromMs: atMs, atMs, found: `answered: ${text}`, connection: null };
    }
    const last = own.at(-1);
    return { isDone: false, missing: last ? `'${last.text}' is not the answer` : 'the question is open' };
  }
  return goal.kind === 'change' ? checkChange(goal, seen, before) : checkState(goal, seen, before);
}

/** Without what does not matter in an answer. */
function plain(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[\s._-]+/g, '')
    .replace(/seconds?$/, 's');
}
