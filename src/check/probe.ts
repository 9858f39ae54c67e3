import type { Timeline } from '../evidence/timeline.ts';

/**
 * `good`: the program does what a robust program does. `risk`: it works until this happens in production. `fault`: it breaks
 * or leaks. `unknown`: the test could not find out; `says` has the reason.
 */
export type ProbeVerdict = 'good' | 'risk' | 'fault' | 'unknown';

/** What the program did, with the numbers: a phrase without a period. */
export interface Finding {
  verdict: ProbeVerdict;
  says: string;
}

/** One test: something that happens to a program, and what the program does. In JSON and in the code it is a probe. */
export interface Probe<Bench> {
  id: string;
  /** What happens to the program, in at most 60 characters. */
  title: string;
  /** The consequence in production. */
  why: string;
  /** What to change, as an imperative with the name of the option. */
  mend: string;
  run(bench: Bench): Promise<Finding>;
}

/** The finding of a test, with the timeline of its lab. */
export interface ProbeResult extends Finding {
  id: string;
  title: string;
  why: string;
  mend: string;
  durationMs: number;
  /** Null if the test was not run. */
  timeline: Timeline | null;
}

export const good = (says: string): Finding => ({ verdict: 'good', says });
export const risk = (says: string): Finding => ({ verdict: 'risk', says });
export const fault = (says: string): Finding => ({ verdict: 'fault', says });
export const unknown = (says: string): Finding => ({ verdict: 'unknown', says });
