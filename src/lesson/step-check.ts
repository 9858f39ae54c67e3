import type { Connection } from '../evidence/connection.ts';
import type { Unseen } from '../evidence/events.ts';
import type { Timeline } from '../evidence/timeline.ts';

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
