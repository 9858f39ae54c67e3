import type { Connection } from '../evidence/connection.ts';
import type { Timeline } from '../evidence/timeline.ts';
import { stateHistoryOf, type Transition } from '../evidence/transitions.ts';
import { seenOn } from '../evidence/watch/seen-connections.ts';
import type { Done, Seen, StepCheck } from './check.ts';
import type { ChangeGoal } from './lesson.ts';
import { connectionWords } from './words.ts';

/** A change that one witness alone has seen may be its mistake. */
const ENOUGH = 2;

/** Whether an end has made this change since the step before. */
export function checkChange(goal: ChangeGoal, { timeline }: Seen, before: Done | undefined): StepCheck {
  const sinceMs = before?.fromMs ?? 0;
  const changes = changesOn(timeline).filter(
    ({ transition: { atMs, host, from } }) => atMs >= sinceMs && host === goal.host && from === goal.from,
  );
  const same = changes.filter(({ transition }) => transition.to === goal.to);
  const right = same.filter(({ transition: { arc } }) => goal.by === null || arc?.trigger === goal.by);
  const sure = right.find(({ transition: { seenBy } }) => seenBy.length >= ENOUGH);
  const asked = `${goal.from} → ${goal.to}${goal.by ? ` by ${goal.by}` : ''}`;
  if (sure) {
    const { connection, transition } = sure;
    const { atMs, seenBy } = transition;
    const found = `${goal.host} ${asked}, ${connectionWords(connection)} (${seenBy.join(', ')})`;
    return { isDone: true, fromMs: atMs, atMs, found, connection };
  }
  return { isDone: false, missing: missingOf(goal, asked, right[0], same[0], changes[0]) };
}

interface Change {
  connection: Connection;
  transition: Transition;
}

function missingOf(
  { host, from, to }: ChangeGoal,
  asked: string,
  right: Change | undefined,
  same: Change | undefined,
  other: Change | undefined,
): string {
  if (right) {
    const { seenBy } = right.transition;
    return `${host} ${asked} was seen by ${seenBy.join(', ') || 'none of the witnesses'} alone: the step asks for two that agree`;
  }
  if (same) {
    const why = same.transition.arc?.trigger ?? same.transition.why ?? 'something that tcplab can not name';
    return `the ${host} went from ${from} to ${to} by ${why}; the step asks for ${asked}`;
  }
  if (other) return `the ${host} went from ${from} to ${other.transition.to}; the step asks for ${asked}`;
  return `the ${host} has not left ${from} yet; the step asks for ${asked}`;
}

function changesOn(timeline: Timeline): Change[] {
  return seenOn(timeline).connections.flatMap(({ connection }) =>
    stateHistoryOf(timeline, connection).transitions.map((transition) => ({ connection, transition })),
  );
}
