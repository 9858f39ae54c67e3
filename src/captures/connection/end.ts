import { advance, type End, type Input } from '../../tcp/fold.ts';
import type { Knowledge } from '../../tcp/known.ts';
import {
  afterExchange,
  eitherOf,
  elapsed,
  endInMidstream,
  endWith,
  isSteady,
  outOfSight,
  withoutHeldFin,
  withSilentRequest,
} from '../../tcp/partial.ts';
import { furthest } from '../../tcp/possibility.ts';
import { type SequenceNumber, seqAdd, seqDistance } from '../../tcp/sequence.ts';
import type { State } from '../../tcp/state.ts';
import type { SeenSegment } from '../../tcp/syn-options.ts';
import { reasonOf } from './reasons.ts';

/** What a capture does not show about an end, and what Linux does by default. */
const KNOWN: Partial<Knowledge> = {
  // The default of net.ipv4.tcp_fin_timeout.
  finTimeoutMs: 60_000,
  synCookies: 'maybe',
  withoutSilentEnds: true,
};

/** More that arrived after the last segment of an end can't tell more about it. */
const MOST_WAITING = 64;

/** What an end is, by the end of the capture. */
export interface EndStates {
  /** The likeliest first. LISTEN counts as CLOSED: a listener is not the connection's socket. */
  states: State[];
  /** Why there is not one state; null when there is. */
  why: string | null;
}

/** Follows one end: what it sends is certain, and what is on its way to it is received only if its next segments show that. */
export class EndReading {
  #end: End = endWith(KNOWN);
  /** What came for it since its last segment, in order. */
  #waiting: Input[] = [];
  /** Of these, what an interface near the end did not see. */
  #unseen = new WeakSet<Input>();
  #isMidstream = false;
  #isSteady = false;
  /** Segments that only exchange data, not yet part of `#end`. */
  #bulk: { atMs: number; last: SeenSegment; sendNext: SequenceNumber; peer: SeenSegment | null } | undefined;
  /** Of the peer, what came last in bulk. */
  #lastReceived: SeenSegment | null = null;

  /** It began before the capture. `isProbe`: see `endInMidstream`. */
  begin(direction: Input['direction'], segment: SeenSegment, atMs: number, isProbe: boolean): void {
    this.#isMidstream = true;
    this.#end = endInMidstream(direction, segment, atMs, this.#end.known, isProbe);
  }

  get isMidstream(): boolean {
    return this.#isMidstream;
  }

  received(input: Input, isUnseen = false): void {
    const maybe: Input = { ...input, maybe: true };
    this.#waiting.push(maybe);
    if (isUnseen) this.#unseen.add(maybe);
    if (this.#waiting.length <= MOST_WAITING) return;
    const plain = this.#waiting.findIndex((one) => 'segment' in one && isPlain(one.segment));
    this.#waiting.splice(Math.max(plain, 0), 1);
  }

  /** `isForeign`: something else may have sent it in the name of this end. */
  sent(atMs: number, segment: SeenSegment, isForeign = false): void {
    const isBulk = isPlain(segment) && this.#isSteady && this.#waiting.every(isPlainInput);
    if (isBulk) {
      const last = this.#waiting.at(-1);
      if (last && 'segment' in last) this.#lastReceived = last.segment;
      const next = seqAdd(segment.seq, segment.length);
      const before = this.#bulk?.sendNext;
      const sendNext = before === undefined ? furthest(this.#end.sendNext, next) : furthest(before, next);
      this.#bulk = { atMs, last: segment, sendNext, peer: this.#lastReceived };
      this.#waiting = [];
      return;
    }
    this.#flush();
    const before = this.#deliver(this.#end);
    const after = advance(before, { atMs, direction: 'sent', segment });
    this.#end = isForeign ? eitherOf(after, before, 'foreign') : after;
    this.#waiting = this.#waiting.filter((one) => mayStillCome(one, segment)).slice(-2);
    this.#isSteady = isSteady(this.#end);
  }

  /** Bytes that it acknowledges, and that the capture does not have. `mayBeFin`: the last of them may be a FIN. */
  receivedUnseen(atMs: number, segment: SeenSegment, mayBeFin: boolean): void {
    this.#flush();
    this.#isSteady = false;
    const before = this.#deliver(this.#end);
    this.#waiting = [];
    const after = advance(before, { atMs, direction: 'received', segment });
    this.#end = mayBeFin
      ? eitherOf(after, advance(before, { atMs, direction: 'received', segment: endingInFin(segment) }))
      : after;
  }

  /** The same bytes, at the end that must have sent them. */
  sentUnseen(atMs: number, segment: SeenSegment, mayBeFin: boolean): void {
    this.#flush();
    this.#isSteady = false;
    const after = advance(this.#end, { atMs, direction: 'sent', segment });
    this.#end = mayBeFin
      ? eitherOf(after, advance(this.#end, { atMs, direction: 'sent', segment: endingInFin(segment) }))
      : after;
  }

  /**
   * `isNear`: the capture saw whatever it sent. `isUnheard`: what came for it was repeated, so it probably never arrived.
   * `mayHoldBack`: a FIN of it may wait behind unsent data. `sawAll`: what no interface saw near it did not come.
   */
  statesAt(
    atMs: number,
    how: { isNear: boolean; isUnheard: boolean; mayHoldBack: boolean; sawAll: boolean },
  ): EndStates {
    const { isNear, isUnheard, mayHoldBack, sawAll } = how;
    this.#flush();
    let end = this.#end;
    const before = namesOf(end);
    if (!isNear) end = outOfSight(end, atMs);
    for (const input of this.#waiting) {
      if (sawAll && this.#unseen.has(input)) continue;
      end = advance(end, input);
      if (!isNear) end = outOfSight(end, input.atMs);
    }
    end = elapsed(withSilentRequest(mayHoldBack ? end : withoutHeldFin(end)), atMs);
    if (end.blind !== null) return { states: ANY, why: end.blind };
    const found = namesOf(end);
    const states = isUnheard
      ? [...new Set([...before.filter((one) => found.includes(one)), ...found])]
      : found;
    const doubts = end.possibilities.flatMap(({ doubt }) => doubt ?? []);
    return { states, why: states.length > 1 ? reasonOf(doubts) : null };
  }

  /** Whether a segment of it is among what is known of it. */
  get hasFinReceived(): boolean {
    return this.#end.finReceived !== null;
  }

  #deliver(end: End): End {
    return this.#waiting.reduce((before, input) => advance(before, input), end);
  }

  #flush(): void {
    const bulk = this.#bulk;
    this.#bulk = undefined;
    if (!bulk || bulk.last.ack === null) return;
    const { atMs, last, sendNext, peer } = bulk;
    const acknowledged = peer?.ack ?? sendNext;
    this.#end = afterExchange(
      this.#end,
      {
        sendNext,
        acknowledged: seqDistance(acknowledged, sendNext) > 0 ? sendNext : acknowledged,
        receiveNext: last.ack as SequenceNumber,
        window: last.window,
        peerWindow: peer?.window ?? 0xffff,
      },
      atMs,
    );
  }
}

/** Any that a connection may have. */
const ANY: State[] = [
  'ESTABLISHED',
  'CLOSE-WAIT',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSING',
  'LAST-ACK',
  'TIME-WAIT',
  'CLOSED',
];

function namesOf({ possibilities }: End): State[] {
  const states = possibilities.map(({ state }) => (state === null || state === 'LISTEN' ? 'CLOSED' : state));
  return [...new Set(states)];
}

/** Neither opens nor ends anything. */
function isPlain({ flags }: SeenSegment): boolean {
  return flags.includes('.') && !/[SFR]/.test(flags);
}

function isPlainInput(input: Input): boolean {
  return 'segment' in input && isPlain(input.segment);
}

/** Whether what is on its way to an end may come after a segment that the end sends: it does not acknowledge it. */
function mayStillCome(input: Input, { ack }: SeenSegment): boolean {
  if (!('segment' in input)) return false;
  const { flags, seq, length } = input.segment;
  if (flags.includes('F')) return ack === null || seqDistance(seqAdd(seq, length + 1), ack) > 0;
  return flags.includes('.') || flags.includes('R');
}

function endingInFin(segment: SeenSegment): SeenSegment {
  return { ...segment, flags: `F${segment.flags}`, length: segment.length - 1 };
}
