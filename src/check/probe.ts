import type { Timeline } from '../evidence/timeline.ts';
import type { Finding } from './finding.ts';

/** One test: something that happens to a program, and what the program does. In JSON and in the code it is a probe. */
export interface Probe<Bench> {
  id: string;
  /** What happens to the program, in at most 60 characters. */
  title: string;
  /** When it happens in production, and what is at stake. */
  purpose: string;
  /**
   * What it assumes: that a healthy exchange was complete before. If that one failed, this one can't tell anything, and is
   * not run.
   */
  restsOnService: boolean;
  /** Whether it has something to test in TLS only; without TLS it is not run. */
  needsTls?: true;
  /** Whether it may have to wait for as long as it is allowed to (--within): then it starts before the others. */
  mayWait?: true;
  run(bench: Bench): Promise<Finding>;
}

/** A test without its code. */
export type AboutProbe = Pick<Probe<never>, 'id' | 'title' | 'purpose'>;

/** The finding of a test, with the timeline of its lab. */
export interface ProbeResult extends Finding, AboutProbe {
  /** What the program said to tcplab over the connection, or its first part; null if nothing. */
  said: string | null;
  durationMs: number;
  /** Null if the test was not run. */
  timeline: Timeline | null;
}
