import type { State } from '../../tcp/state.ts';
import type { ConnectionEnd } from '../connection.ts';
import type { Timeline } from '../timeline.ts';

const WITNESSES = ['socket-table', 'packets', 'kernel-events'] as const;
export type WitnessName = (typeof WITNESSES)[number];

/** What a witness knows from a moment on: the states that fit what it saw. */
export interface Sight {
  atMs: number;
  /** One: it says so. More: it can't tell them apart. None: it saw nothing of this end. */
  states: readonly State[];
  /** Why it can't say more; null when it says one state. */
  why: string | null;
}

/** An independent source that follows one end of a connection through a timeline. */
export interface Witness {
  name: WitnessName;
  /** In the order of time. Before the first sight it has seen nothing. */
  follow(timeline: Timeline, end: ConnectionEnd): Sight[];
}
