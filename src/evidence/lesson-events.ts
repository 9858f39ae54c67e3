/** What somebody who does a lesson says to tcplab. What they did to the connection is in the events of the lab. */
export type LessonEvent = LessonBegun | LessonAnswer | LessonHint;

interface LessonBegun {
  type: 'lesson-begun';
  atMs: number;
  /** The name of the lesson's file, without `.md`. */
  name: string;
  /** SHA-256 of that file, in hexadecimal. */
  digest: string;
}

interface LessonAnswer {
  type: 'lesson-answer';
  atMs: number;
  /** From 1. */
  step: number;
  text: string;
}

/** A hint was asked for. */
interface LessonHint {
  type: 'lesson-hint';
  atMs: number;
  step: number;
}
