import type { HostName } from '../evidence/events.ts';
import type { Timeline } from '../evidence/timeline.ts';
import { courseOf, type Particularity, type Transition } from '../evidence/transitions.ts';
import { judge, type VerdictWord } from '../evidence/verdict.ts';
import type { WitnessName } from '../evidence/witness/witness.ts';
import { ARCS, type Arc } from '../tcp/arcs.ts';
import { scenariosDriving } from './arc-catalogue.ts';
import type { Scenario } from './scenario.ts';

/** How an arc of the RFC's table fared. */
export interface ArcResult {
  arc: Arc;
  scenario: string;
  host: HostName;
  /** `skipped`: it has to be waited out, and was not asked for. */
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
    if (!scenario || !host || !arc) throw new Error(`no scenario drives arc ${number}`);
    return { arc, scenario, host };
  });
}

/** Weighs an arc by the timeline of the scenario that drives it: it was taken, and two witnesses saw where it led. */
export function judgeArc({ arc, scenario, host }: Drive, timeline: Timeline): ArcResult {
  const base = { arc, scenario: scenario.id, host, seenBy: [] as WitnessName[] };
  const verdict = judge(timeline);
  if (verdict.word !== 'proven') return { ...base, verdict: verdict.word, because: verdict.because };
  if (arc.number === REFUSED_BY_LINUX) return { ...base, ...judgeRefusal(timeline, host) };
  const taken = transitionsOf(timeline).filter(
    (taken) => taken.host === host && taken.arc?.number === arc.number,
  );
  const best = taken.sort((a, b) => b.seenBy.length - a.seenBy.length)[0];
  if (!best) return { ...base, verdict: 'unproven', because: 'the arc was not taken' };
  const { seenBy } = best;
  if (seenBy.length >= 2) return { ...base, verdict: 'proven', because: null, seenBy };
  return { ...base, verdict: 'unproven', because: `only seen by ${seenBy.join() || 'nobody'}`, seenBy };
}

/** LISTEN → SYN-SENT: the refusal is the proof, by the call's own word and by the state that does not change. */
const REFUSED_BY_LINUX = 4;

function judgeRefusal(timeline: Timeline, host: HostName): Pick<ArcResult, 'verdict' | 'because' | 'seenBy'> {
  const refused = timeline
    .of('call')
    .some((call) => call.host === host && call.call === 'connect' && call.result === 'EISCONN');
  if (!refused)
    return { verdict: 'unproven', because: 'connect on a listener did not give EISCONN', seenBy: [] };
  const agreeing = judge(timeline).held.filter(({ agrees }) => agrees === true);
  return { verdict: 'proven', because: null, seenBy: agreeing.map(({ witness }) => witness) };
}

export function transitionsOf(timeline: Timeline): Transition[] {
  const claim = timeline.of('claimed')[0];
  return claim ? courseOf(timeline, claim.connection).transitions : [];
}

export function particularitiesOf(timeline: Timeline): Particularity[] {
  const claim = timeline.of('claimed')[0];
  return claim ? courseOf(timeline, claim.connection).particularities : [];
}
