import type { Fact } from '../tcp/fold.ts';
import { type Connection, endOf } from './connection.ts';
import type { HostName, KernelDropped } from './events.ts';
import { forgetIdentity } from './identity.ts';
import { firstAfter, InTime } from './in-time.ts';
import type { SeenInput } from './inputs.ts';
import { Joins } from './joins.ts';
import { Origins } from './origins.ts';
import type { ObservedPacket, PacketEvent } from './packet-index.ts';
import type { Passage } from './passage.ts';
import { type BlindSince, type Reader, Reading, whatBecameOf } from './reading.ts';
import type { Timeline } from './timeline.ts';
import { AllUnderWay, type UnderWay } from './under-way.ts';
import { EndFacts, mayDropUnseen } from './witness/end-known.ts';
import type { PacketFold } from './witness/packet-fold.ts';

/** A machine with more to do than it can may take so long from one end of a wire to the other. */
const ARRIVES_WITHIN_MS = 20;

/** What the packets of a connection show. */
interface Known {
  /** In the order in which they were sent; without those that were left out. */
  passages: readonly Passage[];
  folds: Readonly<Record<HostName, PacketFold>>;
}

const HOSTS = ['client', 'server'] as const;

/** By so much, the stamps of one packet may differ (see `Joins`). */
const OVERLAP_MS = 2;

/**
 * The packets of one connection. Settled ones are read once, and never again. The rest, to which the next poll may add, is read
 * whenever somebody asks.
 */
export class Traffic {
  readonly #timeline: Timeline;
  readonly #connection: Connection;
  /** Without those that were left out. */
  readonly #all = new InTime<PacketEvent>();
  /** Not settled, and what is settled that may be of the same packets. */
  #fresh = new InTime<ObservedPacket | KernelDropped>();
  /** So late that what came after them is settled. */
  #late: (ObservedPacket | KernelDropped)[] = [];
  #settledMs = Number.NEGATIVE_INFINITY;
  #origins: Origins;
  #reading: Reading;
  #facts: Record<HostName, EndFacts>;
  /** What was known of each end, apart from its segments, at the last settling. */
  #learnt: Record<HostName, readonly Fact[]> = { client: [], server: [] };
  #passages: Passage[] = [];
  #leftOut = 0;
  /** Of what is settled. */
  #underWay = new AllUnderWay();
  #known: { added: number; known: Known } | undefined;
  /** Whether its ends were ever requested: of thousands of connections, few are. */
  #isAsked = false;

  constructor(timeline: Timeline, connection: Connection) {
    this.#timeline = timeline;
    this.#connection = connection;
    this.#origins = this.#newOrigins();
    this.#reading = this.#newReading();
    this.#facts = this.#newFacts();
  }

  add(event: PacketEvent): void {
    this.#all.add(event);
    this.#origins.add(event);
    if (event.type === 'crafted') return;
    this.#fresh.add(event);
    if (event.atMs > this.#settledMs) return;
    if (this.#leftOut > 0) this.#late.push(event);
    else this.#beginAgain();
  }

  /** What the captures and the logs of rules have of it. */
  get seen(): ObservedPacket[] {
    return this.#all.all.filter((event) => event.type === 'captured' || event.type === 'dropped');
  }

  get isSettled(): boolean {
    return (this.#fresh.all.at(-1)?.atMs ?? this.#settledMs) <= this.#settledMs && this.#late.length === 0;
  }

  /** What is settled of it, in the order in which it was sent; but of the last ones the arrival may still be on its way. */
  get settled(): readonly Passage[] {
    return this.#passages.slice(0, firstAfter(this.#passages, this.#settledMs - ARRIVES_WITHIN_MS));
  }

  /** How many passages were left out. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /** What became of its packets. */
  get passages(): readonly Passage[] {
    return this.#knownNow().passages;
  }

  /** What the packets show about an end, with what else is known about it. */
  fold(host: HostName): PacketFold {
    this.#beAsked();
    return this.#knownNow().folds[host];
  }

  #knownNow(): Known {
    const { added } = this.#timeline;
    if (this.#known?.added === added) return this.#known.known;
    this.#beginAgainIfOthersLearnt();
    const reading = this.#reading.copy();
    const passages: Passage[] = [];
    const facts = { client: this.#facts.client.copy(), server: this.#facts.server.copy() };
    this.#learn(reading, facts, Number.POSITIVE_INFINITY);
    this.#read(reading, Number.POSITIVE_INFINITY, { passage: (passage) => passages.push(passage) });
    for (const host of HOSTS) reading.folds[host].learnUntil(Number.POSITIVE_INFINITY);
    const known = { passages: [...this.#passages, ...passages], folds: reading.folds };
    this.#known = { added, known };
    return known;
  }

  /** All that one end sent and was given, of what was not left out; with what TCP dropped for one of the reasons in `evenIf`. */
  inputs(host: HostName, evenIf: readonly string[]): SeenInput[] {
    const again = new Traffic(this.#timeline, this.#connection);
    for (const event of this.#all.all) again.add(event);
    const inputs: SeenInput[] = [];
    const input = (at: HostName, given: SeenInput) => at === host && inputs.push(given);
    again.#read(again.#reading, Number.POSITIVE_INFINITY, { input }, evenIf);
    return inputs;
  }

  /** All before `untilMs` is known. */
  settle(untilMs: number): void {
    if (untilMs <= this.#settledMs) return;
    this.#known = undefined;
    this.#beginAgainIfOthersLearnt();
    this.#learn(this.#reading, this.#facts, untilMs);
    const left: UnderWay[] = [];
    const met = this.#read(this.#reading, untilMs, {
      passage: (passage, event) => {
        this.#passages.push(passage);
        if (event.type === 'captured' && event.direction === 'sent') left.push({ event, passage });
      },
    });
    this.#reading.forgetOld();
    for (const host of this.#isAsked ? HOSTS : []) {
      this.#reading.folds[host].learnUntil(untilMs);
      this.#learnt[host] = this.#facts[host].lasting.filter(({ atMs }) => atMs <= untilMs);
    }
    this.#settledMs = untilMs;
    this.#late = [];
    const fromMs = untilMs - OVERLAP_MS;
    const hasArrived = ({ passage }: UnderWay) => passage.arrivedMs !== null && passage.arrivedMs <= fromMs;
    for (const one of left) if (!hasArrived(one)) this.#underWay.add(one);
    for (const one of met) if (hasArrived(one)) this.#underWay.remove(one);
    const before = this.#fresh.all;
    const place = firstAfter(before, fromMs);
    this.#fresh = new InTime();
    for (const [index, event] of before.entries()) {
      if (index >= place) this.#fresh.add(event);
      else forgetIdentity(event);
    }
  }

  /** What the timeline has left out. */
  leaveOut(): void {
    const gap = this.#timeline.leftOut;
    if (!gap) return;
    this.#all.takeOut(gap.fromMs, gap.untilMs);
    const before = this.#passages.length;
    this.#passages = this.#passages.filter(({ atMs }) => atMs < gap.fromMs || atMs >= gap.untilMs);
    this.#leftOut += before - this.#passages.length;
    this.#known = undefined;
  }

  /** Gives the settled ones of which it may have found the arrival. */
  #read(reading: Reading, untilMs: number, reader: Reader, evenIf?: readonly string[]): UnderWay[] {
    const fresh = this.#fresh.all;
    const met = this.#underWay.metBy(fresh);
    const own = fresh.filter((event) => event.type !== 'kernel-dropped');
    const overlapping = new Set<unknown>(met.length > 0 ? own : []);
    const seen = [...met.flatMap(({ event }) => (overlapping.has(event) ? [] : [event])), ...own];
    const discarded = fresh.filter((event) => event.type === 'kernel-dropped');
    const joins = new Joins(seen, discarded);
    const blindSince = blindSinceOn(this.#timeline);
    for (const { event, passage } of met) {
      if (passage.arrivedMs === null) Object.assign(passage, whatBecameOf(event, joins, blindSince));
    }
    const isNext = ({ atMs }: { atMs: number }) => atMs > this.#settledMs && atMs <= untilMs;
    const next = [...this.#late, ...seen.filter(isNext)];
    const unsent = joins.unsent.filter(isNext);
    const events = unsent.length > 0 ? [...next, ...unsent].sort((a, b) => a.atMs - b.atMs) : next;
    reading.read(events, joins, blindSince, reader, evenIf);
    return met;
  }

  #beginAgain(): void {
    this.#settledMs = Number.NEGATIVE_INFINITY;
    this.#origins = this.#newOrigins();
    this.#reading = this.#newReading();
    this.#facts = this.#newFacts();
    this.#learnt = { client: [], server: [] };
    [this.#passages, this.#underWay, this.#known] = [[], new AllUnderWay(), undefined];
    this.#fresh = new InTime();
    for (const event of this.#all.all) {
      this.#origins.add(event);
      if (event.type !== 'crafted') this.#fresh.add(event);
    }
  }

  /** Later knowledge may change the settled past, such as a listener's backlog. */
  #beginAgainIfOthersLearnt(): void {
    if (this.#leftOut > 0 || !this.#isAsked) return;
    const isSame = HOSTS.every((host) => {
      const now = this.#facts[host].lasting.filter(({ atMs }) => atMs <= this.#settledMs);
      return JSON.stringify(now) === JSON.stringify(this.#learnt[host]);
    });
    if (!isSame && this.#settledMs > Number.NEGATIVE_INFINITY) this.#beginAgain();
  }

  /** What was settled before, was read without what else is known. */
  #beAsked(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    this.#known = undefined;
    if (this.#leftOut === 0 && this.#settledMs > Number.NEGATIVE_INFINITY) this.#beginAgain();
  }

  #learn(reading: Reading, facts: Record<HostName, EndFacts>, untilMs: number): void {
    if (!this.#isAsked) return;
    for (const host of HOSTS) {
      const isFirst = this.#settledMs === Number.NEGATIVE_INFINITY;
      const isNew = ({ atMs }: Fact) => atMs <= untilMs && (isFirst || atMs > this.#settledMs);
      reading.folds[host].expect([...facts[host].lasting.filter(isNew), ...facts[host].nextOfTable()]);
    }
  }

  #newReading(): Reading {
    return new Reading(this.#origins, {
      connection: this.#connection,
      mayDrop: (host, atMs) => mayDropUnseen(this.#timeline, host, atMs),
      textOf: (rule) => this.#textOfRule(rule),
    });
  }

  #newFacts(): Record<HostName, EndFacts> {
    const of = (host: HostName) => new EndFacts(this.#timeline, endOf(this.#connection, host, 'CLOSED'));
    return { client: of('client'), server: of('server') };
  }

  #newOrigins(): Origins {
    return new Origins((rule) => this.#textOfRule(rule));
  }

  #textOfRule(number: number): string {
    const rules = this.#timeline.of('rule-set');
    return rules.findLast(({ rule }) => rule === number)?.text ?? '';
  }
}

/** From when on captures may have missed something, or the logs of rules. */
function blindSinceOn(timeline: Timeline): BlindSince {
  const { hosts } = timeline.of('lab-opened')[0] ?? {};
  const lost = timeline.of('lost').filter(({ witness }) => witness === 'packets');
  const sinceOf = (host: HostName) => {
    if (hosts?.[host].noPackets) return Number.NEGATIVE_INFINITY;
    const own = lost.find((event) => (event.host ?? host) === host);
    return own ? (own.sinceMs ?? Number.NEGATIVE_INFINITY) : null;
  };
  return { client: sinceOf('client'), server: sinceOf('server') };
}
