import type { Timeline } from '../evidence/timeline.ts';
import { LessonProgress } from './check.ts';
import type { Lesson } from './lesson.ts';
import type { Answer, Done, Seen } from './step-check.ts';

/** A lesson as its evidence shows it. */
export interface Grade {
  lesson: string;
  title: string;
  /** Whether the record was made with this text of the lesson. */
  isSameText: boolean;
  /** ISO 8601, by the clock of the machine that made the record. */
  startedAt: string;
  steps: StepGrade[];
  hints: number;
}

interface StepGrade {
  title: string;
  isDone: boolean;
  /** In milliseconds since the lab was opened; null if it is not done. */
  atMs: number | null;
  /** What was found; null if it is not done. */
  found: string | null;
  /** What is missing; null if it is done, or if a step before it is not. */
  missing: string | null;
}

/** Grades the timeline of a lab in which this lesson was done. */
export function gradeOf(timeline: Timeline, lesson: Lesson): Grade {
  const progress = new LessonProgress(lesson);
  progress.check(seenIn(timeline), answersIn(timeline));
  const begun = timeline.of('lesson-begun')[0];
  return {
    lesson: lesson.name,
    title: lesson.title,
    isSameText: begun?.digest === lesson.digest,
    startedAt: timeline.of('lab-opened')[0]?.startedAt ?? '',
    steps: lesson.steps.map(({ title }, index) => {
      const done: Done | undefined = progress.done[index];
      const isCurrent = index === progress.done.length;
      return {
        title,
        isDone: done !== undefined,
        atMs: done?.atMs ?? null,
        found: done?.found ?? null,
        missing: isCurrent ? progress.missing : null,
      };
    }),
    hints: timeline.of('lesson-hint').length,
  };
}

function seenIn(timeline: Timeline): Seen {
  const watched = timeline.of('watched')[0];
  const last = [...timeline].at(-1);
  return { timeline, untilMs: watched?.atMs ?? last?.atMs ?? 0, unseen: watched?.unseen ?? [] };
}

export function answersIn(timeline: Timeline): Answer[] {
  return timeline.of('lesson-answer').map(({ step, atMs, text }) => ({ step: step - 1, atMs, text }));
}

/** The name of the lesson that was done in a lab; undefined if none was. */
export function lessonIn(timeline: Timeline): string | undefined {
  return timeline.of('lesson-begun')[0]?.name;
}
