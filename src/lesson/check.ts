import type { Connection } from '../evidence/connection.ts';
import type { Unseen } from '../evidence/events.ts';
import type { Timeline } from '../evidence/timeline.ts';
import { checkChange } from './check-change.ts';
import { checkState } from './check-state.ts';
import type { Lesson, LessonStep } from './lesson.ts';

/** What was seen of a lab in which a lesson is done, and for how long. */
export interface Seen {
  timeline: Timeline;
  /** All that happened until then is on the timeline, in milliseconds. */
  untilMs: number;
  /** Times in which nothing read the socket tables. */
  unseen: readonly Unseen[];
}

/** The goal of a step was seen. */
export interface Done {
  isDone: true;
  /** When it was reached, and when it had been held long enough; of a change, both are its time. */
  fromMs: number;
  atMs: number;
  /** In one line, with the witnesses that agree. */
  found: string;
  connection: Connection | null;
}

interface Missing {
  isDone: false;
  /** What is not as the step asks for, and what is there in its place. */
  missing: string;
}

/** What became of a step so far. Reads the evidence on the timeline, and nothing that a record says of itself. */
export type StepCheck = Done | Missing;

/** An answer that was typed at a question. */
export interface Answer {
  /** Of the step, from 0. */
  step: number;
  atMs: number;
  text: string;
}

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
