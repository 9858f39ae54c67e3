import { brokenCondition } from '../evidence/conditions.ts';
import { type Connection, endOf } from '../evidence/connection.ts';
import type { Claimed, Held } from '../evidence/events.ts';
import { HOSTS, type HostName, otherHost } from '../evidence/host-name.ts';
import type { Timeline } from '../evidence/timeline.ts';
import { type Verdict, weighClaim } from '../evidence/verdict.ts';
import { rowOf } from '../evidence/witness/socket-table.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { State } from '../tcp/state.ts';
import type { Done, Seen, StepCheck } from './check.ts';
import { connectionsOn, listenersOn, type Stay, statesNow, staysOf } from './ends.ts';
import type { StateGoal } from './lesson.ts';
import { meansAgainst } from './means.ts';
import { conditionWords, connectionWords, differenceWords, statesWords } from './words.ts';

/** What was found of one connection: whether it fits, else how near it came. */
interface Attempt {
  result: StepCheck;
  /** How near it came to the goal: of several that miss it, the nearest one is shown. */
  rank: number;
  lastMs: number;
}

const RANK = { inStates: 3, wasInStates: 2, isOther: 1 };

/** Whether a connection has been in the states of a goal, for long enough and by its means, since the step before. */
export function checkState(goal: StateGoal, seen: Seen, before: Done | undefined): StepCheck {
  const { timeline } = seen;
  const connections =
    goal.held.state === 'LISTEN' ? listenersOn(timeline, goal.held.host) : connectionsOn(timeline);
  const attempts = connections.map((connection) => attempt(goal, connection, seen, before));
  const done = attempts.find(({ result }) => result.isDone);
  if (done) return done.result;
  const [nearest] = attempts.sort((a, b) => b.rank - a.rank || b.lastMs - a.lastMs);
  return nearest?.result ?? { isDone: false, missing: nothingYet(goal) };
}

function nothingYet({ held }: StateGoal): string {
  return held.state === 'LISTEN'
    ? `no socket of the ${held.host} listens yet`
    : 'there is no connection between the client and the server yet';
}

function wantedOf({ held, peer }: StateGoal): Partial<Record<HostName, State>> {
  return { [held.host]: held.state, ...(peer ? { [otherHost(held.host)]: peer } : {}) };
}

function attempt(goal: StateGoal, connection: Connection, seen: Seen, before: Done | undefined): Attempt {
  const { timeline, untilMs } = seen;
  const sinceMs = before?.atMs ?? 0;
  const wanted = wantedOf(goal);
  const stays = staysOf(timeline, connection, wanted, untilMs).filter((stay) => stay.untilMs > sinceMs);
  let last: string | undefined;
  for (const stay of stays) {
    const result = checkStay(goal, connection, stay, seen);
    if (result.isDone) return { result, rank: Number.POSITIVE_INFINITY, lastMs: stay.untilMs };
    last = result.missing;
  }
  const lastMs = stays.at(-1)?.untilMs ?? 0;
  const isNow = lastMs === untilMs;
  if (last !== undefined)
    return {
      result: { isDone: false, missing: last },
      rank: isNow ? RANK.inStates : RANK.wasInStates,
      lastMs,
    };
  const now = statesNow(timeline, connection, wanted);
  const fitting = HOSTS.filter((host) => wanted[host] !== undefined && wanted[host] === now[host]).length;
  const isOver = now.client === 'CLOSED' && now.server === 'CLOSED';
  return {
    result: { isDone: false, missing: otherStates(goal, now) },
    rank: isOver ? 0 : RANK.isOther + fitting / 4,
    lastMs,
  };
}

function otherStates(goal: StateGoal, now: Record<HostName, State>): string {
  const wanted = wantedOf(goal);
  const differing = HOSTS.filter((host) => wanted[host] !== undefined && wanted[host] !== now[host]);
  const why = differing.flatMap((host) => {
    const words = differenceWords(wanted[host] as State, now[host]);
    return words === null ? [] : `${host}: ${words}`;
  });
  const shown = Object.fromEntries(HOSTS.flatMap((host) => (wanted[host] ? [[host, now[host]]] : [])));
  return [
    `now ${statesWords(shown)}; the step asks for ${statesWords(wanted)}`,
    ...(why.length > 0 ? [`(${why.join('; ')})`] : []),
  ].join(' ');
}

/** Whether some part of a stay that is long enough is as the goal asks for. */
function checkStay(goal: StateGoal, connection: Connection, stay: Stay, seen: Seen): StepCheck {
  const { timeline } = seen;
  const lastStartMs = stay.untilMs - goal.forMs;
  if (lastStartMs < stay.fromMs) {
    const lastedMs = stay.untilMs - stay.fromMs;
    const part = weigh(goal, connection, stay, seen);
    if (part.flaw !== null) return { isDone: false, missing: part.flaw };
    const been = stay.untilMs === seen.untilMs ? 'have been so' : 'were so';
    return {
      isDone: false,
      missing: `${statesWords(wantedOf(goal))} ${been} for ${seconds(lastedMs)}; the step asks for ${seconds(goal.forMs)}`,
    };
  }
  let flaw: string | undefined;
  for (const fromMs of startsIn(timeline, stay, lastStartMs)) {
    const part = { fromMs, untilMs: fromMs + goal.forMs };
    const found = weigh(goal, connection, part, seen);
    if (found.flaw === null) {
      const agreeing = found.verdict.held.filter(({ agrees }) => agrees).map(({ witness }) => witness);
      const what = `${statesWords(wantedOf(goal))} for ${seconds(goal.forMs)}, ${connectionWords(connection)}`;
      return {
        isDone: true,
        fromMs,
        atMs: part.untilMs,
        found: `${what} (${agreeing.join(', ')})`,
        connection,
      };
    }
    flaw = found.flaw;
  }
  return { isDone: false, missing: flaw ?? '' };
}

/** Where a hold can begin: with the stay, whenever a table changed in it, and as late as possible. At most so many are tried. */
const MOST_STARTS = 100;

function startsIn(timeline: Timeline, { fromMs }: Stay, lastMs: number): number[] {
  const changes = timeline
    .after('sockets', fromMs)
    .map(({ atMs }) => atMs)
    .filter((atMs) => atMs < lastMs);
  const starts = [fromMs, ...changes, lastMs];
  return starts.length <= MOST_STARTS
    ? starts
    : [...starts.slice(0, MOST_STARTS / 2), ...starts.slice(-MOST_STARTS / 2)];
}

/** What is wrong with a stay, however long it is; null if nothing is. */
function weigh(
  goal: StateGoal,
  connection: Connection,
  { fromMs, untilMs }: Stay,
  { timeline, unseen }: Seen,
): { flaw: string | null; verdict: Verdict } {
  const claim: Claimed = {
    type: 'claimed',
    atMs: fromMs,
    scenario: 'lesson',
    held: goal.held,
    peer: goal.peer,
    connection,
    reachedMs: 0,
  };
  const gaps = unseen.filter((gap) => gap.fromMs < untilMs && gap.toMs > fromMs);
  const hold: Held = { type: 'held', atMs: untilMs, fromMs, samples: 2, unseen: gaps };
  const verdict = weighClaim(timeline, claim, hold);
  const flaw =
    (isEnough(goal, verdict) ? null : `${statesWords(wantedOf(goal))}: ${verdict.because}`) ??
    flawOfConditions(goal, claim, hold, timeline) ??
    meansAgainst(goal, connection, hold, timeline);
  return { flaw, verdict };
}

/** No segment shows a listener, so of that the socket table is enough. */
function isEnough({ held }: StateGoal, verdict: Verdict): boolean {
  const isSeen = verdict.held.some(({ witness, agrees }) => witness === 'socket-table' && agrees === true);
  return verdict.word === 'proven' || (held.state === 'LISTEN' && verdict.word === 'unproven' && isSeen);
}

function flawOfConditions(goal: StateGoal, claim: Claimed, hold: Held, timeline: Timeline): string | null {
  const { host, state } = goal.held;
  for (const condition of goal.conditions) {
    const because = brokenCondition(timeline, { ...claim, conditions: [condition] }, hold);
    if (because === null) continue;
    const row = rowIn(timeline, claim, hold);
    return conditionWords(condition, host, row ?? { state, inode: -1 }, because);
  }
  return null;
}

function rowIn(timeline: Timeline, { connection, held }: Claimed, hold: Held): SocketRow | undefined {
  const table = timeline.of('sockets').findLast(({ host, atMs }) => host === held.host && atMs <= hold.atMs);
  return table && rowOf(table.rows, endOf(connection, held.host, held.state));
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
