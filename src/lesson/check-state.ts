import { brokenCondition } from '../evidence/conditions.ts';
import { type ConnectionEnd, endOf } from '../evidence/connection.ts';
import type { Claimed, Held } from '../evidence/events.ts';
import { HOSTS, type HostName, otherHost } from '../evidence/host-name.ts';
import type { Timeline } from '../evidence/timeline.ts';
import { type EndVerdict, judgeEnd } from '../evidence/verdict.ts';
import { packets } from '../evidence/witness/packets.ts';
import { rowOf } from '../evidence/witness/socket-table.ts';
import type { State } from '../tcp/state.ts';
import { type Candidate, candidatesFor, type Span, spansOf, statesNow, wantedOf } from './ends.ts';
import type { StateGoal } from './lesson.ts';
import { meansAgainst } from './means.ts';
import type { Done, Seen, StepCheck } from './step-check.ts';
import { conditionWords, connectionWords, differenceWords, statesWords } from './words.ts';

/** What was found of one connection. */
interface Attempt {
  result: StepCheck;
  /** How near it came to the goal: of several that miss it, the nearest one is shown. */
  rank: number;
  lastMs: number;
}

const RANK = { isInStates: 3, wasInStates: 2, isOther: 1, isOver: 0 };

/** Whether a connection has been in the states of a goal, for long enough and by its means, since the step before. */
export function checkState(goal: StateGoal, seen: Seen, before: Done | undefined): StepCheck {
  const attempts = candidatesFor(seen.timeline, goal).map((one) => attempt(goal, one, seen, before));
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

function attempt(goal: StateGoal, candidate: Candidate, seen: Seen, before: Done | undefined): Attempt {
  const { untilMs } = seen;
  const sinceMs = before?.atMs ?? 0;
  const spans = spansOf(candidate, wantedOf(goal), untilMs).filter((span) => span.untilMs > sinceMs);
  let result: StepCheck | undefined;
  for (const span of spans) {
    result = checkSpan(goal, candidate, span, seen, sinceMs);
    if (result.isDone) return { result, rank: Number.POSITIVE_INFINITY, lastMs: span.untilMs };
  }
  const lastMs = spans.at(-1)?.untilMs ?? candidate.firstMs;
  if (result) return { result, rank: lastMs === untilMs ? RANK.isInStates : RANK.wasInStates, lastMs };
  const now = statesNow(candidate);
  const fitting = HOSTS.filter((host) => wantedOf(goal)[host] === now[host]).length;
  const isOver = now.client === 'CLOSED' && now.server === 'CLOSED';
  return {
    result: { isDone: false, missing: otherStates(goal, now) },
    rank: isOver ? RANK.isOver : RANK.isOther + fitting / 4,
    lastMs,
  };
}

function otherStates(goal: StateGoal, now: Record<HostName, State>): string {
  const wanted = wantedOf(goal);
  const why = HOSTS.flatMap((host) => {
    const state = wanted[host];
    const words = state && state !== now[host] ? differenceWords(state, now[host]) : null;
    return words === null ? [] : `${host}: ${words}`;
  });
  const shown = Object.fromEntries(HOSTS.flatMap((host) => (wanted[host] ? [[host, now[host]]] : [])));
  const found = `now ${statesWords(shown)}; the step asks for ${statesWords(wanted)}`;
  return why.length > 0 ? `${found} (${why.join('; ')})` : found;
}

/** Whether some part of a span that is long enough is as the goal asks for. */
function checkSpan(
  goal: StateGoal,
  candidate: Candidate,
  span: Span,
  seen: Seen,
  sinceMs: number,
): StepCheck {
  const lastStartMs = span.untilMs - goal.forMs;
  if (lastStartMs < span.fromMs) return tooShort(goal, candidate, span, seen, sinceMs);
  let missing = '';
  for (const fromMs of startsIn(seen.timeline, span, lastStartMs)) {
    const part = { fromMs, untilMs: fromMs + goal.forMs };
    const { flaw, verdict } = weigh(goal, candidate, part, seen, sinceMs);
    if (flaw === null) return { isDone: true, ...doneWith(goal, candidate, part, verdict) };
    missing = flaw;
  }
  return { isDone: false, missing };
}

function tooShort(goal: StateGoal, candidate: Candidate, span: Span, seen: Seen, sinceMs: number): StepCheck {
  const { flaw } = weigh(goal, candidate, span, seen, sinceMs);
  const isNow = span.untilMs === seen.untilMs;
  const been = isNow ? 'not for long enough yet' : `only for ${seconds(span.untilMs - span.fromMs)}`;
  const short = `${statesWords(wantedOf(goal))}: ${been}; the step asks for ${seconds(goal.forMs)}`;
  // Two looks are needed before any witness can agree.
  return { isDone: false, missing: isNow ? short : (flaw ?? short) };
}

function doneWith(
  goal: StateGoal,
  { connection }: Candidate,
  { fromMs, untilMs }: Span,
  { witnesses }: EndVerdict,
): Omit<Done, 'isDone'> {
  const agreeing = witnesses.filter(({ agrees }) => agrees).map(({ witness }) => witness);
  const what = `${statesWords(wantedOf(goal))} for ${seconds(goal.forMs)}, ${connectionWords(connection)}`;
  return { fromMs, atMs: untilMs, found: `${what} (${agreeing.join(', ')})`, connection };
}

/** How many beginnings of a hold are tried at most. */
const MOST_STARTS = 100;

/** Where a hold can begin: with the span, whenever a table changed in it, and as late as possible. */
function startsIn(timeline: Timeline, { fromMs }: Span, lastMs: number): number[] {
  const changes = timeline
    .after('sockets', fromMs)
    .map(({ atMs }) => atMs)
    .filter((atMs) => atMs < lastMs);
  const starts = [fromMs, ...changes, lastMs];
  if (starts.length <= MOST_STARTS) return starts;
  return [...starts.slice(0, MOST_STARTS / 2), ...starts.slice(-MOST_STARTS / 2)];
}

/** The word of the witnesses on the held end, and what is wrong with a part of a span, however long it is; null if nothing is. */
function weigh(
  goal: StateGoal,
  { connection }: Candidate,
  { fromMs, untilMs }: Span,
  { timeline, unseen }: Seen,
  sinceMs: number,
): { flaw: string | null; verdict: EndVerdict } {
  const { held, peer } = goal;
  const gaps = unseen.filter((gap) => gap.fromMs < untilMs && gap.toMs > fromMs);
  const samples = untilMs > fromMs ? 2 : 1;
  const hold: Held = { type: 'held', atMs: untilMs, fromMs, samples, unseen: gaps };
  const judged = (host: HostName, state: State) =>
    judgeEnd(timeline, endOf(connection, host, state), state, hold);
  const verdict = judged(held.host, held.state);
  const ofPeer = peer ? judged(otherHost(held.host), peer) : null;
  const isRefuted = ofPeer?.word === 'disproven';
  const doubt = isRefuted
    ? `${otherHost(held.host)}: ${ofPeer.because}`
    : isEnough(goal, endOf(connection, held.host, held.state), verdict, { timeline, hold })
      ? null
      : `${held.host}: ${verdict.because}`;
  const flaw =
    (doubt === null ? null : `${statesWords(wantedOf(goal))} can't be confirmed. ${doubt}`) ??
    flawOfConditions(goal, { connection, held, peer, atMs: fromMs }, hold, timeline) ??
    meansAgainst(goal, connection, hold, timeline, sinceMs);
  return { flaw, verdict };
}

/**
 * Two witnesses agree; or the socket table shows it all the time, and the packets fit, though they would fit another state too:
 * without root tcplab sees no calls of programs, so that a SYN may always have been followed by close(). No segment shows a
 * listener before a client comes.
 */
function isEnough({ held }: StateGoal, end: ConnectionEnd, verdict: EndVerdict, about: About): boolean {
  const { word, witnesses } = verdict;
  const isListed = witnesses.some(({ witness, agrees }) => witness === 'socket-table' && agrees === true);
  if (word !== 'unproven' || !isListed) return word === 'proven';
  return held.state === 'LISTEN' || packetsFit(end, held.state, about);
}

interface About {
  timeline: Timeline;
  hold: Held;
}

/** What the packets show all through a hold may be this state. */
function packetsFit(end: ConnectionEnd, state: State, { timeline, hold }: About): boolean {
  const seen = packets.follow(timeline, end).filter(({ atMs }) => atMs <= hold.atMs);
  const first = seen.findLastIndex(({ atMs }) => atMs <= hold.fromMs);
  return first >= 0 && seen.slice(first).every(({ states }) => states.includes(state));
}

function flawOfConditions(
  goal: StateGoal,
  about: Pick<Claimed, 'connection' | 'held' | 'peer' | 'atMs'>,
  hold: Held,
  timeline: Timeline,
): string | null {
  const { connection, held } = about;
  for (const condition of goal.conditions) {
    const claim: Claimed = { type: 'claimed', scenario: '', reachedMs: 0, ...about, conditions: [condition] };
    const because = brokenCondition(timeline, claim, hold);
    if (because === null) continue;
    const table = timeline
      .of('sockets')
      .findLast(({ host, atMs }) => host === held.host && atMs <= hold.atMs);
    const row = table && rowOf(table.rows, endOf(connection, held.host, held.state));
    return conditionWords(condition, held, row, because);
  }
  return null;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
