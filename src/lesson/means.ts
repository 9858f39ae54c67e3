import { type Connection, endOf } from '../evidence/connection.ts';
import type { Held } from '../evidence/events.ts';
import { ruleWords } from '../evidence/foreign-rules.ts';
import { HOSTS, type HostName } from '../evidence/host-name.ts';
import { passages } from '../evidence/segments.ts';
import type { Timeline } from '../evidence/timeline.ts';
import { stateHistoryOf } from '../evidence/transitions.ts';
import { rowOf } from '../evidence/witness/socket-table.ts';
import type { State } from '../tcp/state.ts';
import type { StateGoal } from './lesson.ts';

/** What speaks against the means by which a state was reached, in one sentence; null if nothing does. */
export function meansAgainst(
  goal: StateGoal,
  connection: Connection,
  hold: Held,
  timeline: Timeline,
  sinceMs: number,
): string | null {
  return (
    (goal.without.includes('rules') ? ruleInForce(connection, hold, timeline) : null) ??
    pathMissed(goal, connection, hold, timeline) ??
    notCounted(goal, timeline, sinceMs) ??
    otherProgram(goal, connection, hold, timeline)
  );
}

/** The path of an end has the states in this order, before the state that it is in now. */
function pathMissed(
  { through }: StateGoal,
  connection: Connection,
  hold: Held,
  timeline: Timeline,
): string | null {
  const wanted = HOSTS.flatMap((host) => (through[host] ? [{ host, states: through[host] }] : []));
  if (wanted.length === 0) return null;
  const { transitions } = stateHistoryOf(timeline, connection);
  for (const { host, states } of wanted) {
    const own = transitions.filter((one) => one.host === host && one.atMs <= hold.fromMs);
    const path = [...own.slice(0, 1).map(({ from }) => from), ...own.map(({ to }) => to)];
    if (isWithin(states, path)) continue;
    const seen = path.length > 0 ? path.join(', ') : 'nothing that was seen';
    return `the ${host} came through ${seen}; the step asks for the way through ${states.join(', ')}`;
  }
  return null;
}

function isWithin(states: readonly State[], path: readonly State[]): boolean {
  let at = 0;
  for (const state of path) if (state === states[at]) at++;
  return at === states.length;
}

function notCounted({ counted }: StateGoal, timeline: Timeline, sinceMs: number): string | null {
  for (const host of HOSTS) {
    const name = counted[host];
    if (name === undefined) continue;
    const own = timeline.of('counted').filter((one) => one.host === host);
    const before = own.findLast(({ atMs }) => atMs <= sinceMs)?.counters[name] ?? 0;
    const now = own.at(-1)?.counters[name] ?? 0;
    if (now <= before) return `the kernel of the ${host} has not counted ${name}; the step asks for that`;
  }
  return null;
}

function otherProgram(
  { program, held }: StateGoal,
  connection: Connection,
  hold: Held,
  timeline: Timeline,
): string | null {
  for (const host of HOSTS) {
    const name = program[host];
    if (name === undefined) continue;
    const table = timeline.of('sockets').findLast((one) => one.host === host && one.atMs <= hold.atMs);
    const state = host === held.host ? held.state : 'CLOSED';
    const inode = table && rowOf(table.rows, endOf(connection, host, state))?.inode;
    const owners = ownersOf(timeline, host, inode);
    if (owners.includes(name)) continue;
    if (owners.length > 0)
      return `the socket of the ${host} belongs to ${owners.join(', ')}; the step asks for ${name}`;
    return inode
      ? `it is not known which program has the socket of the ${host} open; the step asks for ${name}`
      : `the socket of the ${host} has no process; the step asks for ${name}`;
  }
  return null;
}

function ownersOf(timeline: Timeline, host: HostName, inode: number | undefined): string[] {
  const owned = timeline.of('socket-owned').filter((one) => one.host === host && one.inode === inode);
  return inode ? [...new Set(owned.map(({ name }) => name))] : [];
}

/** A rule that may drop packets, in force in either host between the connection's first sign and the end of the hold. */
function ruleInForce(connection: Connection, hold: Held, timeline: Timeline): string | null {
  const sinceMs = passages(timeline, connection)[0]?.atMs ?? hold.fromMs;
  for (const host of HOSTS) {
    const seen = timeline.of('rules-seen').filter((one) => one.host === host && one.atMs <= hold.atMs);
    const first = seen.findLastIndex(({ atMs }) => atMs <= sinceMs);
    for (const { rules, unread } of seen.slice(Math.max(first, 0))) {
      const rule = rules.find(({ effect }) => effect === 'may drop');
      if (rule)
        return `a rule was in force in the ${host} (${ruleWords(rule)}); the step asks for a way without rules`;
      if (unread !== null) return `there are ${unread} in the ${host}; the step asks for a way without rules`;
    }
  }
  return null;
}
