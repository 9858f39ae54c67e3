import type { Timeline } from '../evidence/timeline.ts';

/**
 * `good`: it does what a robust program does. `risk`: it works, until it meets this in production. `fault`: it breaks, or
 * leaks. `unknown`: it could not be found out, and it is said why.
 */
export type ProbeVerdict = 'good' | 'risk' | 'fault' | 'unknown';

/** What was found out, in a sentence with the numbers that were seen. */
export interface Finding {
  verdict: ProbeVerdict;
  says: string;
}

/** One thing that is done to a program, and what becomes of it. */
export interface Probe<Bench> {
  id: string;
  /** What happens to the program, in a line. */
  title: string;
  /** Why it matters. */
  why: string;
  /** How it is mended. */
  mend: string;
  run(bench: Bench): Promise<Finding>;
}

/** A probe's finding with all that was seen. */
export interface ProbeResult extends Finding {
  id: string;
  title: string;
  why: string;
  mend: string;
  durationMs: number;
  /** Null when there was no lab. */
  timeline: Timeline | null;
}

export const good = (says: string): Finding => ({ verdict: 'good', says });
export const risk = (says: string): Finding => ({ verdict: 'risk', says });
export const fault = (says: string): Finding => ({ verdict: 'fault', says });
export const unknown = (says: string): Finding => ({ verdict: 'unknown', says });
