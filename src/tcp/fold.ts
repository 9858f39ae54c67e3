import { type Doubt, wordsOfDoubts } from './doubts.ts';
import { afterFact, afterKnowledge, goesOn, isEndedBySegment } from './facts.ts';
import { receiveInFullSocket, receiveInSynSent } from './full-socket.ts';
import { receiveIcmp } from './icmp.ts';
import { type Fact, type Knowledge, type Moment, NOTHING_KNOWN } from './known.ts';
import { receiveCookie, receiveInOrphan, receiveInRequest, receiveInTimeWait } from './minisocks.ts';
import { alternativesOf, type Path, type Step, stepsSince } from './path.ts';
import { acknowledgesSyn, merged, type Possibility, UNKNOWN, withDoubt } from './possibility.ts';
import type { IcmpError, Segment } from './segment.ts';
import { sendSegment } from './send.ts';
import { sendReset, silentlyEnded } from './send-reset.ts';
import type { SequenceNumber } from './sequence.ts';
import { isRefuted, withSilentCalls, withTimers } from './silence.ts';
import type { State } from './state.ts';
import type { SeenSegment } from './syn-options.ts';

export type { Fact, Knowledge } from './known.ts';
export type { Step } from './path.ts';

/**
 * What one end of one connection sent or had delivered. Segments to it that a rule dropped are not included;
 * those that it sent are, whatever their fate. `maybe`: it arrived, and whether it was delivered is unknown.
 */
export type Input =
  | { atMs: number; direction: 'sent' | 'received'; segment: SeenSegment; maybe?: boolean }
  | { atMs: number; direction: 'received'; icmp: IcmpError; maybe?: boolean };

/** With more possible histories than these, an end is unknown. */
const MOST_POSSIBILITIES = 16;

/** All that an end can be, computed from its segments and what else is known. */
export class End {
  readonly possibilities: readonly Possibility[];
  readonly known: Knowledge;
  /** What came in last: an RST in answer to it has its numbers. */
  readonly last: Segment | null;
  /** Why the segments show no state; null when they do. */
  readonly blind: string | null;

  constructor(
    possibilities: readonly Possibility[],
    known: Knowledge,
    last: Segment | null,
    blind: string | null = null,
  ) {
    this.possibilities = possibilities;
    this.known = known;
    this.last = last;
    this.blind = blind;
  }

  /** The states that fit. Empty if no segment has shown one, or another source shows that the socket is closed. */
  get states(): readonly State[] {
    const states = this.possibilities.map(({ state, gone }) => (gone ? null : state));
    return states.includes(null) ? [] : [...new Set(states as State[])];
  }

  /** The only state that fits; null when there are others, or none. */
  get state(): State | null {
    const [state, ...others] = this.states;
    return state !== undefined && others.length === 0 ? state : null;
  }

  /** Why there is not one state, and what would decide it; null when there is. */
  get why(): string | null {
    const { states } = this;
    if (states.length === 1) return null;
    if (this.blind !== null) return this.blind;
    if (this.possibilities.some(({ gone }) => gone)) return 'the socket is gone, and no segment shows that';
    if (states.length === 0) return 'no segment has shown the state yet';
    const doubts = this.possibilities.map(({ doubt }) => doubt);
    return wordsOfDoubts(
      doubts.filter((doubt): doubt is Doubt => doubt !== null),
      this.known.calls,
    );
  }

  /** The changes that all possibilities have in common, the last first. Nothing is ever taken from it. */
  get path(): Path | null {
    const [first, ...others] = this.possibilities.map(({ path }) => path);
    return others.reduce<Path | null>((path, other) => commonOf(path, other), first ?? null);
  }

  /** The same, in the order of time. */
  get steps(): Step[] {
    return stepsSince(null, this.path);
  }

  /** The changes of which each is in some possibility, and not in all. */
  get possibleSteps(): Step[] {
    const common = new Set(this.steps);
    const all = this.possibilities.flatMap(({ path }) => stepsSince(null, path));
    return all.flatMap((step) => (step.or || !common.has(step) ? alternativesOf(step) : []));
  }

  /** The sequence numbers of the likeliest possibility. */
  get sendNext(): SequenceNumber {
    return this.#first.sendNext;
  }

  get receiveNext(): SequenceNumber {
    return this.#first.receiveNext;
  }

  get finSent(): SequenceNumber | null {
    return this.#first.finSent;
  }

  get finReceived(): SequenceNumber | null {
    return this.#first.finReceived;
  }

  get passive(): boolean {
    return this.#first.passive;
  }

  get #first(): Possibility {
    return this.possibilities[0] ?? UNKNOWN;
  }
}

function commonOf(one: Path | null, other: Path | null): Path | null {
  const seen = new Set<Path>();
  for (let path = one; path; path = path.before) seen.add(path);
  for (let path = other; path; path = path.before) if (seen.has(path)) return path;
  return null;
}

export const UNKNOWN_END: End = new End([UNKNOWN], NOTHING_KNOWN, null);

/** Folds the segments of one end of one connection, in the order of time, into what it can be. */
export function foldEnd(inputs: Iterable<Input | Fact>): End {
  let end = UNKNOWN_END;
  for (const input of inputs) end = advance(end, input);
  return end;
}

export function advance(end: End, input: Input | Fact): End {
  if (!('direction' in input)) return learn(end, input);
  const at = { atMs: input.atMs, known: end.known };
  const due = end.possibilities.flatMap((one) => withTimers(one, at));
  if ('icmp' in input) {
    const next = due.flatMap((one) => received(one, receiveIcmp(one, input.icmp, at), input));
    return settled(end, next, end.last, at);
  }
  const { segment } = input;
  if (input.direction === 'received') {
    const next = due.flatMap((one) => received(one, receive(one, segment, at), input));
    return settled(end, next, segment, at);
  }
  if (!segment.flags.includes('R')) {
    return settled(
      end,
      due.flatMap((one) => sendSegment(one, segment, at)),
      end.last,
      at,
    );
  }
  const fitting = due.flatMap((one) => sendReset(one, segment, end.last, at));
  return settled(
    end,
    fitting.length > 0 ? fitting : due.flatMap((one) => silentlyEnded(one, at)),
    end.last,
    at,
  );
}

/** What may not have been delivered may have changed nothing. */
function received(before: Possibility, after: Possibility[], { maybe }: Input): Possibility[] {
  const isChanged = after.some(({ state }) => state !== before.state);
  if (!maybe || !isChanged) return after;
  return [...after, before].map((one) => (one.doubt === null ? withDoubt(one, 'not delivered') : one));
}

function receive(socket: Possibility, segment: SeenSegment, at: Moment): Possibility[] {
  const isSyn = segment.flags.includes('S') && segment.ack === null;
  if (socket.gone || socket.state === null || socket.state === 'CLOSED')
    return [{ ...socket, unanswered: segment }];
  switch (socket.state) {
    case 'LISTEN':
      if (isSyn) return [{ ...socket, unanswered: segment }];
      return socket.cookie ? receiveCookie(socket, segment, at) : [socket];
    case 'SYN-SENT':
      return [receiveInSynSent(socket, segment, at)];
    case 'TIME-WAIT':
      return receiveInTimeWait(socket, segment, at);
    case 'SYN-RECEIVED':
      if (socket.passive && !socket.fastOpen)
        return receiveInRequest(withUnanswered(socket, segment), segment, at);
      break;
    case 'FIN-WAIT-1':
    case 'FIN-WAIT-2':
      if (socket.orphan === null) return receiveEitherWay(withUnanswered(socket, segment), segment, at);
      break;
    default:
  }
  return receiveOpen(withUnanswered(socket, segment), segment, at);
}

/** A new connection's SYN. What it does shows in the answer alone: an established connection only acknowledges (RFC 5961). */
function withUnanswered(socket: Possibility, segment: SeenSegment): Possibility {
  const isNew = segment.flags.includes('S') && segment.ack === null && segment.seq !== socket.peerSyn;
  return isNew ? { ...socket, unanswered: segment } : socket;
}

function receiveOpen(socket: Possibility, segment: SeenSegment, at: Moment): Possibility[] {
  const isOrphan = socket.state === 'FIN-WAIT-2' && socket.orphan === true;
  return isOrphan ? [receiveInOrphan(socket, segment, at)] : receiveInFullSocket(socket, segment, at);
}

/** What a socket does that may have been closed or shut down only: one thing, unless that matters here. */
function receiveEitherWay(socket: Possibility, segment: SeenSegment, at: Moment): Possibility[] {
  const open = receiveOpen({ ...socket, orphan: false }, segment, at);
  const orphan = receiveOpen({ ...socket, orphan: true }, segment, at);
  const undecided = (all: Possibility[]) => all.map((one) => ({ ...one, orphan: null }));
  const together = merged([...undecided(open), ...undecided(orphan)]);
  return together.length === open.length
    ? together
    : [...open, ...orphan.map((one) => withDoubt(one, 'orphan'))];
}

function learn(end: End, fact: Fact): End {
  const at = { atMs: fact.atMs, known: end.known };
  if ('known' in fact) {
    const known = { ...end.known, ...fact.known };
    const moment = { ...at, known };
    const all = end.possibilities.flatMap((one) => afterKnowledge(one, fact.known, moment));
    return settled(new End(end.possibilities, known, end.last, end.blind), all, end.last, moment);
  }
  const all = end.possibilities.flatMap((one) => afterFact(one, fact, at));
  // Where a segment may have ended it, or its full socket, that is what has; a later socket is still there.
  const isEnded = 'gone' in fact && all.some((one) => isEndedBySegment(one) || goesOn(one, fact));
  const next = isEnded ? all.filter(({ gone }) => !gone) : all;
  return settled(end, next.length > 0 ? next : end.possibilities, end.last, at);
}

/** An end that may have closed behind its data stays the two that it is for as long as the data flow. */
function hasGuessedClose([first, second, ...others]: readonly Possibility[]): boolean {
  return (
    others.length === 0 && first?.doubt === null && second?.doubt === 'close behind data' && second.closing
  );
}

/** One input is dealt with: what can't be any more is left out, and what else can be is put in. */
function settled(before: End, possible: readonly Possibility[], last: Segment | null, at: Moment): End {
  const blind = (why: string) => new End([{ ...UNKNOWN, path: before.path }], at.known, last, why);
  if (possible.length === 0) return blind('a segment contradicts every state that fitted before');
  const left = possible.length > 1 ? possible.filter((one) => !isRefuted(one)) : possible;
  const standing = left.length > 0 ? left : possible;
  const all = hasGuessedClose(standing) ? standing : standing.flatMap((one) => withSilentCalls(one, at));
  if (all.length === 1) {
    const [one] = all as [Possibility];
    const isKnown = one.state !== null;
    return new End(
      [one.doubt === null ? one : { ...one, doubt: null }],
      at.known,
      last,
      isKnown ? null : before.blind,
    );
  }
  const kept = merged(all);
  if (kept.length > MOST_POSSIBILITIES) return blind(`more than ${MOST_POSSIBILITIES} histories fit`);
  return new End(kept, at.known, last, kept.some(({ state }) => state === null) ? before.blind : null);
}

export function answersSyn(end: End, segment: Segment): boolean {
  return end.possibilities.some((one) => acknowledgesSyn(one, segment));
}
