import { type Connection, endOf } from '../evidence/connection.ts';
import { packetFoldOf } from '../evidence/segments.ts';
import type { Timeline } from '../evidence/timeline.ts';
import { stateHistoryOf, type Transition } from '../evidence/transitions.ts';
import { seenOn } from '../evidence/watch/seen-connections.ts';
import { stateInTable } from '../evidence/witness/socket-table.ts';
import type { ChangeGoal } from './lesson.ts';
import type { Done, Seen, StepCheck } from './step-check.ts';
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
  const possible = goal.by === null ? undefined : possibleChange(goal, timeline, sinceMs);
  if (possible) {
    const { connection, atMs } = possible;
    const found = `${goal.host} ${asked}, ${connectionWords(connection)} (packets: most likely, socket-table)`;
    return { isDone: true, fromMs: atMs, atMs, found, connection };
  }
  return { isDone: false, missing: missingOf(goal, asked, right[0], same[0], changes[0]) };
}

/**
 * A segment that makes the change arrived, and the table shows the end in its new state from then on. Without root tcplab sees no
 * calls of programs, so that such an end may always have been closed by one just before.
 */
function possibleChange(
  { host, from, to, by }: ChangeGoal,
  timeline: Timeline,
  sinceMs: number,
): { connection: Connection; atMs: number } | undefined {
  if (seesCalls(timeline)) return undefined;
  for (const { connection } of seenOn(timeline).connections) {
    const step = packetFoldOf(timeline, connection, host).end.possibleSteps.find(
      (one) => one.atMs >= sinceMs && one.from === from && one.to === to && one.arc?.trigger === by,
    );
    const table = step && timeline.after('sockets', step.atMs).find((one) => one.host === host);
    const rows = table?.rows ?? timeline.of('sockets').findLast((one) => one.host === host)?.rows ?? [];
    if (step && stateInTable(rows, endOf(connection, host, to)) === to)
      return { connection, atMs: step.atMs };
  }
  return undefined;
}

function seesCalls(timeline: Timeline): boolean {
  return timeline.of('lab-opened')[0]?.kernelEvents?.noCalls === null;
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
