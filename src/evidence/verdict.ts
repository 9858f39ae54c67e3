import type { Trigger } from '../tcp/arcs.ts';
import type { State } from '../tcp/state.ts';
import { brokenCondition, intoTheHold } from './conditions.ts';
import { type ConnectionEnd, endOf, peerHost } from './connection.ts';
import type { Claimed, Held, HostName } from './events.ts';
import { describeProgramEnd, programEnds } from './program-ends.ts';
import { mustBeTimeline, type Timeline } from './timeline.ts';
import { stateHistoryOf } from './transitions.ts';
import { kernelEvents } from './witness/kernel-events.ts';
import { packets } from './witness/packets.ts';
import { socketTable } from './witness/socket-table.ts';
import type { Observation, Witness, WitnessName } from './witness/witness.ts';

export type VerdictWord = 'proven' | 'disproven' | 'unproven';

/** What one witness reports about a claim, over the whole hold. */
export interface Testimony {
  witness: WitnessName;
  /** The state at the end of the hold; null if unknown. */
  says: State | null;
  /** Null if the witness can't see this state: `why` has the reason. */
  agrees: boolean | null;
  /** What it saw that does not agree, or why it can't see. */
  why: string | null;
}

export interface Verdict {
  word: VerdictWord;
  /** In one sentence, when it is not `proven`: which witness, and what it saw. */
  because: string | null;
  held: Testimony[];
  peer: Testimony[];
}

const ALL: readonly Witness[] = [socketTable, packets, kernelEvents];
const ENOUGH = 2;

/**
 * Weighs the claim on a timeline. A claim that was not held to the end is not proven, whatever was seen before. If a program
 * ended by itself, the reason says so. `hold` is the hold so far, while it goes on.
 */
export function judge(timeline: Timeline, hold?: Held): Verdict {
  mustBeTimeline('judge', timeline);
  const verdict = weigh(timeline, hold ?? timeline.of('held')[0]);
  // If the state was not reached, the reason already contains it.
  if (verdict.because === null || timeline.of('claimed').length === 0) return verdict;
  const reasons = [verdict.because, ...programEnds(timeline).map(describeProgramEnd)];
  return { ...verdict, because: reasons.join('; ') };
}

function weigh(timeline: Timeline, hold: Held | undefined): Verdict {
  const claim = timeline.of('claimed')[0];
  const gaveUp = timeline.of('gave-up')[0];
  if (!claim) return unproven(gaveUp?.why ?? 'no state was claimed');
  if (!hold || hold.samples < 2) return unproven('tcplab did not observe the state for the whole hold');
  const held = testimonies(timeline, claim, claim.held.host, claim.held.state, hold);
  const peerAt = peerHost(claim.connection, claim.held.host);
  const peer = claim.peer ? testimonies(timeline, claim, peerAt, claim.peer, hold) : [];
  const against = [
    ...held.map((testimony) => ({ host: claim.held.host, testimony })),
    ...peer.map((testimony) => ({ host: peerAt, testimony })),
  ].find(({ testimony }) => testimony.agrees === false);
  if (against) {
    const { host, testimony } = against;
    const state = host === claim.held.host ? claim.held.state : claim.peer;
    const because = `${testimony.witness} of ${host}: ${testimony.why}${timerThatEnded(timeline, claim, host, state, hold)}`;
    return { word: 'disproven', because, held, peer };
  }
  const broken = brokenCondition(timeline, claim, hold);
  if (broken !== null) return { word: 'disproven', because: broken, held, peer };
  const unseen = unseenTime(hold);
  if (unseen !== null && (claim.conditions ?? []).length > 0) {
    const because = `nothing read the socket tables for ${unseen}: the scenario's condition may have been broken`;
    return { word: 'unproven', because, held, peer };
  }
  return { ...enoughAgree(held), held, peer };
}

/** Of one end, where nothing claims more than its state: no condition, and nothing of its peer. */
export interface EndVerdict {
  word: VerdictWord;
  because: string | null;
  witnesses: Testimony[];
}

/**
 * Weighs whether an end was in a state from `fromMs` to `atMs` of a hold, by what a timeline has of it. `byPackets`: the end by
 * which the packets know it, where that is another: a listener shows only in what it answers to a client.
 */
export function judgeEnd(
  timeline: Timeline,
  end: ConnectionEnd,
  state: State,
  hold: Held,
  byPackets: ConnectionEnd = end,
): EndVerdict {
  const witnesses = ALL.map((witness) =>
    testify(witness, timeline, witness === packets ? byPackets : end, state, hold),
  );
  const against = witnesses.find(({ agrees }) => agrees === false);
  if (against) return { word: 'disproven', because: `${against.witness}: ${against.why}`, witnesses };
  if (hold.samples < 2) return { word: 'unproven', because: 'it was read only once', witnesses };
  return { ...enoughAgree(witnesses), witnesses };
}

function enoughAgree(witnesses: readonly Testimony[]): Pick<Verdict, 'word' | 'because'> {
  const agreeing = witnesses.filter(({ agrees }) => agrees === true);
  if (agreeing.length >= ENOUGH) return { word: 'proven', because: null };
  const blind = witnesses
    .filter(({ agrees }) => agrees === null)
    .map(({ witness, why }) => `${witness}: ${why}`);
  return { word: 'unproven', because: `too few witnesses could see it (${blind.join('; ')})` };
}

/** The timer that ended the state claimed of an end: then a forecast has come true. */
function timerThatEnded(
  timeline: Timeline,
  { connection }: Claimed,
  host: HostName,
  state: State | null | undefined,
  hold: Held,
): string {
  const left = stateHistoryOf(timeline, connection).transitions.find(
    ({ atMs, host: at, from }) => at === host && from === state && atMs > hold.fromMs && atMs <= hold.atMs,
  );
  return left?.arc && TIMERS.has(left.arc.trigger) ? ` (${left.arc.trigger})` : '';
}

const TIMERS: ReadonlySet<Trigger> = new Set([
  'retries exhausted',
  'keepalive exhausted',
  'user timeout',
  'FIN-WAIT-2 timeout',
  '2 MSL',
]);

function unproven(because: string): Verdict {
  return { word: 'unproven', because, held: [], peer: [] };
}

function testimonies(
  timeline: Timeline,
  claim: Claimed,
  host: HostName,
  state: State,
  hold: Held,
): Testimony[] {
  const end = endOf(claim.connection, host, state);
  return ALL.map((witness) => testify(witness, timeline, end, state, hold));
}

function testify(
  witness: Witness,
  timeline: Timeline,
  end: ConnectionEnd,
  state: State,
  hold: Held,
): Testimony {
  const observations = witness.follow(timeline, end);
  const known = observations.filter(({ atMs }) => atMs <= hold.fromMs).at(-1);
  const during = observations.filter(({ atMs }) => atMs > hold.fromMs && atMs <= hold.atMs);
  const isBehind = witness === kernelEvents && known && othersSawItLeave(timeline, end, known, state, hold);
  const before = isBehind ? during.shift() : known;
  const relevant = before ? [before, ...during] : during;
  const last = relevant.at(-1);
  const says = last?.states.length === 1 ? (last.states[0] ?? null) : null;
  const base = { witness: witness.name, says };
  const contrary = relevant.find(({ states }) => states.length > 0 && !states.includes(state));
  if (contrary) return { ...base, agrees: false, why: describe(contrary, before, state, hold) };
  const vague = relevant.find(({ states }) => states.length !== 1);
  const nothing = isBehind ? NOTHING_PRINTED : 'it saw nothing of this end';
  if (!before || vague) return { ...base, says: null, agrees: null, why: vague?.why ?? nothing };
  // Of the others, the kernel keeps what they have not read yet.
  const unseen = witness.name === 'socket-table' ? unseenTime(hold) : null;
  if (unseen !== null) return { ...base, says: null, agrees: null, why: `nothing read it for ${unseen}` };
  return { ...base, agrees: true, why: null };
}

const NOTHING_PRINTED = 'the kernel printed nothing of a change that another witness saw';

/**
 * Whether another witness saw what the kernel printed last, and saw the claimed state after that. Then the kernel's word is of
 * before, and says nothing against the claim: it takes a socket out of its table before it prints that it is CLOSED
 * (net/ipv4/tcp.c, tcp_set_state), and of some ten thousand changes that a timer made on another processor, two had no record
 * at all (Linux 6.18 in a virtual machine).
 */
function othersSawItLeave(
  timeline: Timeline,
  end: ConnectionEnd,
  known: Observation,
  state: State,
  { fromMs }: Held,
): boolean {
  if (known.states.length === 0 || known.states.includes(state)) return false;
  return [socketTable, packets].some((witness) => {
    const observations = witness.follow(timeline, end).filter(({ atMs }) => atMs <= fromMs);
    const since = Math.max(
      0,
      observations.findLastIndex(({ atMs }) => atMs <= known.atMs),
    );
    const [last, ...rest] = observations.slice(since).reverse();
    const isSame = ({ states: [only, more] }: Observation) => only && !more && known.states.includes(only);
    return last?.states.length === 1 && last.states[0] === state && rest.some(isSame);
  });
}

function describe(
  contrary: Observation,
  before: Observation | undefined,
  claimed: State,
  hold: Held,
): string {
  const seen = contrary.states.join(' or ');
  if (contrary === before) return `saw ${seen}, not ${claimed}`;
  return `saw ${claimed}, then ${seen} ${intoTheHold(contrary.atMs, hold)}`;
}

/** `5.2 s of the hold (from 1.3 s on)`: when nothing read the socket tables; null if there was no such time. */
export function unseenTime({ fromMs: startMs, unseen = [] }: Held): string | null {
  const [first] = unseen;
  if (!first) return null;
  const lastedMs = unseen.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
  const times = unseen.length > 1 ? `, ${unseen.length} times` : '';
  return `${seconds(lastedMs)} of the hold (from ${seconds(first.fromMs - startMs)} on${times})`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
