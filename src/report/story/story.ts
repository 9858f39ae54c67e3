import { type Connection, endOf } from '../../evidence/connection.ts';
import type { Claimed, Counted, ProgramEnded, ProgramStarted } from '../../evidence/events.ts';
import { concernsEnd, type ProgramCall } from '../../evidence/program-calls.ts';
import type { Timeline } from '../../evidence/timeline.ts';
import { stateHistoryOf, type Transition } from '../../evidence/transitions.ts';
import { unreached } from '../../evidence/unreached.ts';
import { entryNote } from './box-report.ts';
import { callsOf, programCallsOf } from './calls.ts';
import { connectionsOf, sameConnection } from './connections.ts';
import { flightsOf } from './flight.ts';
import { leftOutLines } from './left-out.ts';
import type { Happened, Moment } from './moment.ts';
import { rowsOf } from './rows.ts';
import { RuleChanges, ruleChangeText } from './rule-changes.ts';
import { summarise } from './summary.ts';
import { unreachedLine } from './unreached-line.ts';

export interface Story {
  claim: Claimed | undefined;
  /** The one that the states are of; undefined when no segment was seen and none was claimed. */
  connection: Connection | undefined;
  others: Connection[];
  /** Whether the others are so many that they are summarized. */
  isCrowd: boolean;
  transitions: Transition[];
  moments: Moment[];
}

/** More connections than these are not drawn one by one. */
const FEW = 4;

/**
 * Everything on a timeline that a ladder shows, in its order. Without a claim it is of `chosen`, or of the first connection.
 * `anyway`: of `chosen` also where another one was claimed, which is none of it then; `alone`: and without the others.
 */
export function storyOf(
  timeline: Timeline,
  chosen?: Connection,
  how: 'unless claimed' | 'anyway' | 'alone' = 'unless claimed',
): Story {
  const claimed = timeline.of('claimed')[0];
  const isOther = chosen && claimed && !sameConnection(claimed.connection, chosen);
  const claim = isOther && how !== 'unless claimed' ? undefined : claimed;
  const isAlone = how === 'alone';
  const seen = chosen && isAlone ? [chosen] : connectionsOf(timeline);
  const connection = claim?.connection ?? chosen ?? seen[0];
  const others = connection ? seen.filter((other) => !sameConnection(other, connection)) : [];
  const isCrowd = others.length >= FEW;
  const transitions = connection ? stateHistoryOf(timeline, connection).transitions : [];
  const base = { claim, connection, others, isCrowd, transitions };
  if (!connection) return { ...base, moments: rowsOf([], [], otherMoments(timeline, null, false)) };

  const portOf = ({ client }: Connection) => (others.length > 0 ? client.port : null);
  const own = flightsOf(timeline, connection, portOf(connection));
  const foreign = others.flatMap((other) => flightsOf(timeline, other, portOf(other)));
  const flights = isCrowd ? own : [...own, ...foreign].sort((a, b) => a.departsMs - b.departsMs);
  const among = isAlone || others.length > 0 ? connection : null;
  const rest = otherMoments(timeline, among, isAlone || isCrowd);
  const moments: Moment[] = rowsOf(flights, transitions, rest, (flight) => flight.connection === connection);
  return { ...base, moments: isCrowd ? summarise(moments, foreign) : moments };
}

/** Calls, rules, notes and the hold. */
function otherMoments(timeline: Timeline, among: Connection | null, isCrowd: boolean): Happened[] {
  const isOwn = (call: ProgramCall) =>
    !among || !isCrowd || call.remote.port === 0 || concernsEnd(call, endOf(among, call.host, 'CLOSED'));
  const calls = [...callsOf(timeline), ...programCallsOf(timeline, isOwn)];
  const moments: Happened[] = calls.map((call) => ({
    ...call,
    what: 'call',
    port: among && call.host === 'client' ? call.port : null,
  }));
  for (const event of timeline) {
    const { atMs } = event;
    if (event.type === 'rule-set') moments.push({ ...event, what: 'rule-set' });
    if (event.type === 'rule-lifted') moments.push({ ...event, what: 'rule-lifted' });
    if (event.type === 'program-started') moments.push(programMoment(event, `$ ${event.command}`));
    if (event.type === 'program-ended') moments.push(programMoment(event, `$ exited: ${event.status}`));
    if (event.type === 'noted') moments.push({ atMs, what: 'note', text: event.text });
    if (event.type === 'box-entry') moments.push({ atMs, what: 'note', text: entryNote(event) });
    if (event.type === 'lost') moments.push({ atMs, what: 'note', text: event.what });
    if (event.type === 'gave-up') moments.push({ atMs, what: 'note', text: `not reached: ${event.why}` });
    if (event.type === 'counted') moments.push(...unreachedNotes(timeline, event));
    if (event.type === 'claimed') moments.push({ atMs, what: 'hold', edge: 'begins' });
    if (event.type === 'held') moments.push({ atMs, what: 'hold', edge: 'ends' });
  }
  for (const news of new RuleChanges().next(timeline))
    moments.push({ atMs: news.atMs, what: 'note', text: ruleChangeText(news) });
  const { leftOut } = timeline;
  // Where the packets go on.
  if (leftOut)
    moments.push(
      ...leftOutLines(timeline).map(
        (text): Happened => ({ atMs: leftOut.untilMs, what: 'note', text, isFinal: true }),
      ),
    );
  return moments;
}

function programMoment({ atMs, host }: ProgramStarted | ProgramEnded, text: string): Happened {
  return { atMs, what: 'call', host, text, socket: 0, port: null };
}

/** The counters show that a segment reached no socket; an arrow to the host's lifeline does not. */
function unreachedNotes(timeline: Timeline, counted: Counted): Happened[] {
  const isLast = timeline.of('counted').findLast(({ host }) => host === counted.host) === counted;
  if (!isLast) return [];
  return unreached(timeline)
    .filter(({ host, why }) => host === counted.host && why !== 'no socket')
    .map((one) => ({ atMs: counted.atMs, what: 'note', text: unreachedLine(one), isFinal: true }));
}
