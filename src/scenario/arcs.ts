import { type ConnectionEnd, endOf } from '../evidence/connection.ts';
import type { HostName } from '../evidence/events.ts';
import type { Timeline } from '../evidence/timeline.ts';
import { type Particularity, stateHistoryOf, type Transition } from '../evidence/transitions.ts';
import { judge, type VerdictWord } from '../evidence/verdict.ts';
import { stateInTable } from '../evidence/witness/socket-table.ts';
import type { WitnessName } from '../evidence/witness/witness.ts';
import { ARCS, type Arc, type Trigger } from '../tcp/arcs.ts';
import type { State } from '../tcp/state.ts';
import { scenariosDriving } from './arc-catalogue.ts';
import type { Scenario } from './scenario.ts';

/** How an arc of the RFC's table fared. */
export interface ArcResult {
  arc: Arc;
  scenario: string;
  host: HostName;
  /** `skipped`: it takes a long wait, which was not requested. */
  verdict: VerdictWord | 'skipped';
  because: string | null;
  seenBy: WitnessName[];
}

/** Which scenario drives which arc at which host. */
export interface Drive {
  arc: Arc;
  scenario: Scenario;
  host: HostName;
}

/** For each number of the table the first scenario that is made for it. */
export function drives(): Drive[] {
  const numbers = [...new Set(ARCS.map(({ number }) => number))];
  return numbers.map((number) => {
    const [scenario] = scenariosDriving(number);
    const host = (['client', 'server'] as const).find((name) => scenario?.arcs?.[name]?.includes(number));
    const arc = ARCS.find((candidate) => candidate.number === number);
    if (!scenario || !host || !arc)
      throw new Error(`no scenario drives arc ${number}: add it to a list in src/scenario/arc/`);
    return { arc, scenario, host };
  });
}

/** Weighs an arc by the timeline of the scenario that drives it: it was taken, and two witnesses saw where it led. */
export function judgeArc({ arc, scenario, host }: Drive, timeline: Timeline): ArcResult {
  const base = { arc, scenario: scenario.id, host, seenBy: [] as WitnessName[] };
  const verdict = judge(timeline);
  if (verdict.word !== 'proven') return { ...base, verdict: verdict.word, because: verdict.because };
  if (arc.refusal) return { ...base, ...judgeRefusal(arc, timeline, host) };
  const taken = transitionsOf(timeline).filter(
    (taken) => taken.host === host && taken.arc?.number === arc.number,
  );
  const best = taken.sort((a, b) => b.seenBy.length - a.seenBy.length)[0];
  if (!best) return { ...base, verdict: 'unproven', because: 'the arc was not taken' };
  const { seenBy } = best;
  if (seenBy.length >= 2) return { ...base, verdict: 'proven', because: null, seenBy };
  return { ...base, verdict: 'unproven', because: `only seen by ${seenBy.join() || 'nobody'}`, seenBy };
}

/** The calls that Linux refuses or that change nothing, by the trigger that they would be: how each shows on the timeline. */
const REFUSED_CALLS: Partial<Record<Trigger, { call: string; result: string }>> = {
  connect: { call: 'connect', result: 'EISCONN' },
  send: { call: 'send', result: 'EPIPE' },
  abort: { call: 'close', result: 'ok' },
};

/** An arc that Linux never takes: that the call was made in the state, and that the state was held, is the proof. */
function judgeRefusal(
  { from, trigger, refusal }: Arc,
  timeline: Timeline,
  host: HostName,
): Pick<ArcResult, 'verdict' | 'because' | 'seenBy'> {
  const expected = REFUSED_CALLS[trigger];
  const claim = timeline.of('claimed')[0];
  const isMade = timeline
    .of('call')
    .some(
      ({ host: at, call, result, detail, atMs }) =>
        at === host &&
        call === expected?.call &&
        result === expected.result &&
        (trigger !== 'abort' || detail.includes('SO_LINGER')) &&
        claim &&
        isIn(timeline, endOf(claim.connection, host, from), from, atMs),
    );
  const verdict = judge(timeline);
  if (!isMade || claim?.held.state !== from)
    return { verdict: 'unproven', because: `no call in ${from} showed that ${refusal}`, seenBy: [] };
  const agreeing = verdict.held.filter(({ agrees }) => agrees === true);
  return { verdict: 'proven', because: null, seenBy: agreeing.map(({ witness }) => witness) };
}

/** Whether the socket table had the end in the state by that time. */
function isIn(timeline: Timeline, end: ConnectionEnd, state: State, atMs: number): boolean {
  const table = timeline.of('sockets').findLast((event) => event.host === end.host && event.atMs <= atMs);
  return table !== undefined && stateInTable(table.rows, end) === state;
}

export function transitionsOf(timeline: Timeline): Transition[] {
  const claim = timeline.of('claimed')[0];
  return claim ? stateHistoryOf(timeline, claim.connection).transitions : [];
}

export function particularitiesOf(timeline: Timeline): Particularity[] {
  const claim = timeline.of('claimed')[0];
  return claim ? stateHistoryOf(timeline, claim.connection).particularities : [];
}
