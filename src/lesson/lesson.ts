import type { Condition } from '../evidence/condition-names.ts';
import type { HostName } from '../evidence/events.ts';
import type { Trigger } from '../tcp/arcs.ts';
import type { State } from '../tcp/state.ts';

/** An exercise: steps to do in a lab, each with the goal that ends it (docs/lessons.md). */
export interface Lesson {
  /** The file's name, without `.md`. */
  name: string;
  title: string;
  /** What comes before the first step. */
  intro: string;
  steps: LessonStep[];
  /** SHA-256 of the file, in hexadecimal: a record says which lesson was done. */
  digest: string;
}

export interface LessonStep {
  title: string;
  text: string;
  goal: Goal;
  hints: string[];
  /** One right way, as the last hint shows it. */
  solution: TypedLine[];
}

/** A line for a terminal of a host: a command, a line for what runs there, or a key such as `Ctrl-C`. */
export interface TypedLine {
  host: HostName;
  /** The name of a terminal that stays open; null for a command that ends. */
  terminal: string | null;
  text: string;
}

export type Goal = StateGoal | ChangeGoal | QuestionGoal;

/** Both ends of one connection, or one of them, are in a state for some time. */
export interface StateGoal {
  kind: 'state';
  /** The end that the conditions are about: the one that the lesson names first. */
  held: { host: HostName; state: State };
  /** The state of the other end; null if any will do. */
  peer: State | null;
  forMs: number;
  conditions: Condition[];
  /** What must not be there: a packet-filter rule, from the connection's first segment to the end. */
  without: 'rules'[];
  /** The states through which an end must have come, in this order. */
  through: Partial<Record<HostName, State[]>>;
  /** A counter of a host's kernel, by its name in nstat(8), that must have grown since the step before. */
  counted: Partial<Record<HostName, string>>;
  /** The program that must have the socket of an end open. */
  program: Partial<Record<HostName, string>>;
}

/** One end changes its state, and why. */
export interface ChangeGoal {
  kind: 'change';
  host: HostName;
  from: State;
  to: State;
  /** What must cause it, by the names that `tcplab arcs` uses; null if anything may. */
  by: Trigger | null;
}

interface QuestionGoal {
  kind: 'question';
  question: string;
  /** Each of them is right. */
  answers: string[];
}

/** The shortest time for which a state counts as held, in milliseconds: two looks at the tables are far closer together. */
export const DEFAULT_FOR_MS = 1000;
