import type { Timeline } from '../evidence/timeline.ts';
import type { Finding } from './finding.ts';

/** The end of a relay at which something happens. */
export type By = 'client' | 'server' | 'both';

/** One test: something that happens to a program, and what the program does. In JSON and in the code it is a probe. */
export interface Probe<Bench> {
  id: string;
  /** Of a relay: at which end it happens. */
  by?: By;
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
export type AboutProbe = Pick<Probe<never>, 'id' | 'by' | 'title' | 'purpose'>;

/** How a test is named where there may be two of its id. */
export function nameOfProbe({ id, by }: Pick<AboutProbe, 'id' | 'by'>): string {
  return by === undefined || by === 'both' ? id : `${id} by ${by}`;
}

/** The finding of a test, with the timeline of its lab. */
export interface ProbeResult extends Finding, AboutProbe {
  /** What the program said to tcplab over the connection, or its first part; null if nothing. */
  said: string | null;
  durationMs: number;
  /** Of a relay, the side of its server. */
  backTimeline?: Timeline;
  /** Null if the test was not run. */
  timeline: Timeline | null;
}
