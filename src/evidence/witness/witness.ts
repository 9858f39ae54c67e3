import type { State } from '../../tcp/state.ts';
import type { ConnectionEnd } from '../connection.ts';
import type { Lost } from '../events.ts';
import type { Timeline } from '../timeline.ts';

const WITNESSES = ['socket-table', 'packets', 'kernel-events'] as const;
export type WitnessName = (typeof WITNESSES)[number];

/** What a witness knows from a moment on: the states that fit what it saw. */
export interface Observation {
  atMs: number;
  /** One state: it is certain. Several: the witness can't distinguish them. None: it saw nothing of this end. */
  states: readonly State[];
  /** Why there is more than one state, or none; null for one. */
  why: string | null;
}

/** An independent source that follows one end of a connection through a timeline. */
export interface Witness {
  name: WitnessName;
  /** In order of time. Before the first observation the witness has seen nothing. */
  follow(timeline: Timeline, end: ConnectionEnd): Observation[];
}

/** What a witness saw until it lost something: from then on it is blind, whatever it still sees. */
export function untilLost(observations: readonly Observation[], lost: readonly Lost[]): Observation[] {
  const first = lost[0];
  if (!first) return [...observations];
  const sinceMs = first.sinceMs ?? first.atMs;
  return [
    ...observations.filter(({ atMs }) => atMs < sinceMs),
    { atMs: sinceMs, states: [], why: first.what },
  ];
}
