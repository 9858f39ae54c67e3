import { printableJson } from '../printable.ts';
import { fitting, mustFit } from './arguments.ts';
import type { SocketsSeen, TimelineEvent } from './events.ts';
import { firstAfter, firstFrom, InTime } from './in-time.ts';
import { isLineType } from './line-shapes.ts';
import type { Shape } from './shape.ts';

type OfType<T extends TimelineEvent['type']> = Extract<TimelineEvent, { type: T }>;

const TYPE: Shape<string> = fitting('the type of an event', (value) => isLineType(String(value)));

/** The packets that a timeline no longer has: there were too many. All from `fromMs` on and before `untilMs`. */
interface LeftOut {
  fromMs: number;
  untilMs: number;
  /** How many events: most segments are two, one of each host. */
  events: number;
}

/** The types of events of which a lab may have any number. */
const BULK = ['captured', 'dropped', 'kernel-dropped', 'crafted', 'box-dropped'] as const;

/** What the packets on a timeline may take of the memory, in bytes, and what each takes besides its own bytes. */
const MOST_BYTES = 16 * 2 ** 20;
const EACH_BYTES = 600;

/** Everything that happened in a lab, on both hosts, ordered on one clock. */
export class Timeline implements Iterable<TimelineEvent> {
  readonly #events = new InTime<TimelineEvent>();
  /** The same events by type, because most computations read only a few types. */
  readonly #byType = new Map<TimelineEvent['type'], InTime<TimelineEvent>>();
  readonly #listeners = new Set<(event: TimelineEvent) => void>();
  readonly #settledListeners = new Set<(untilMs: number) => void>();
  #added = 0;
  #bulkBytes = 0;
  #leftOut: LeftOut | null = null;

  /** Puts the event in its place: sources are read one after the other, so one may come with an earlier stamp. */
  add(given: TimelineEvent): void {
    const event = printableEvent(given);
    this.#events.add(event);
    const alike = this.#byType.get(event.type) ?? new InTime();
    alike.add(event);
    this.#byType.set(event.type, alike);
    this.#added++;
    this.#bulkBytes += bytesOf(event);
    for (const listener of this.#listeners) listener(event);
  }

  /** Calls `listener` with each event as it becomes known (not quite in order). Returns a function that stops that. */
  follow(listener: (event: TimelineEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls `listener` whenever all that happened before a time has become known. */
  onSettled(listener: (untilMs: number) => void): void {
    this.#settledListeners.add(listener);
  }

  /** All that happened before `untilMs` is here. Leaves out what is too much, and gives that. */
  settle(untilMs: number): TimelineEvent[] {
    for (const listener of this.#settledListeners) listener(untilMs);
    return this.#leaveOut(untilMs);
  }

  /** The events of one type, in order: a copy. */
  of<T extends TimelineEvent['type']>(type: T): OfType<T>[] {
    const events = this.#byType.get(type);
    if (!events) mustFit('Timeline.of() type', TYPE, type, 'docs/timeline.md lists the types');
    return [...((events?.all ?? []) as OfType<T>[])];
  }

  /** Of these, those that are later than `ms`. */
  after<T extends TimelineEvent['type']>(type: T, ms: number): OfType<T>[] {
    const events = (this.#byType.get(type)?.all ?? []) as readonly OfType<T>[];
    return events.slice(firstAfter(events, ms));
  }

  get length(): number {
    return this.#events.length;
  }

  /** How many events were ever added. A result that was computed from a timeline holds until this changes. */
  get added(): number {
    return this.#added;
  }

  /** What had to be left out, so that the rest fits in memory; null when nothing was. */
  get leftOut(): LeftOut | null {
    return this.#leftOut;
  }

  /** The events for a reader who has nothing else, with a loss in the place of those that were left out. */
  withGaps(): Iterable<TimelineEvent> {
    if (!this.#leftOut) return this;
    const all = new InTime<TimelineEvent>();
    for (const event of this) all.add(event);
    const { fromMs: sinceMs, untilMs: atMs, events } = this.#leftOut;
    const what = `${events} events of packets were left out: too many to keep`;
    for (const host of ['client', 'server'] as const)
      all.add({ type: 'lost', witness: 'packets', host, what, atMs, sinceMs });
    return all.all;
  }

  [Symbol.iterator](): Iterator<TimelineEvent> {
    return this.#events.all[Symbol.iterator]();
  }

  /** Of the packets before `untilMs` the first ones stay, and the last. */
  #leaveOut(untilMs: number): TimelineEvent[] {
    if (this.#bulkBytes <= MOST_BYTES) return [];
    const bulk = this.#events.all.filter(isBulk);
    const fromMs = this.#leftOut?.fromMs ?? momentAfter(bulk, MOST_BYTES / 4);
    // To half of it, so that this comes seldom.
    const excess = this.#bulkBytes - MOST_BYTES / 2;
    const rest = bulk.slice(firstFrom(bulk, fromMs));
    const endMs = Math.min(untilMs, momentAfter(rest, excess));
    const taken = this.#events.takeOut(fromMs, endMs, isBulk);
    for (const type of BULK) this.#byType.get(type)?.takeOut(fromMs, endMs);
    this.#leaveOutRepeated(fromMs, endMs);
    for (const event of taken) this.#bulkBytes -= bytesOf(event);
    if (taken.length > 0) {
      this.#leftOut = { fromMs, untilMs: endMs, events: (this.#leftOut?.events ?? 0) + taken.length };
    }
    return taken;
  }

  /** Leaves out the kernel events of those packets, and tables between two equal ones. */
  #leaveOutRepeated(fromMs: number, untilMs: number): void {
    const tables = this.of('sockets').filter(({ atMs }) => atMs >= fromMs && atMs < untilMs);
    const same = new Set<TimelineEvent>();
    for (const host of ['client', 'server'] as const) {
      const own = tables
        .filter((table) => table.host === host)
        .map((table) => ({ table, says: saysOf(table) }));
      for (const [index, { table, says }] of own.entries())
        if (own[index - 1]?.says === says && own[index + 1]?.says === says) same.add(table);
    }
    const isRepeated = (event: TimelineEvent) => same.has(event) || isRetransmission(event);
    this.#events.takeOut(fromMs, untilMs, isRepeated);
    for (const type of ['sockets', 'kernel'] as const)
      this.#byType.get(type)?.takeOut(fromMs, untilMs, isRepeated);
  }
}

/** What states and conditions of scenarios are read from: which sockets there are, and what they wait for. */
function saysOf({ rows }: SocketsSeen): string {
  return JSON.stringify(
    rows.map(({ state, cookie, inode, local, remote, timer, receiveQueue, sendQueue }) => {
      return [state, cookie, inode, local, remote, timer, receiveQueue > sendQueue, sendQueue > 1];
    }),
  );
}

function isRetransmission(event: TimelineEvent): boolean {
  return event.type === 'kernel' && event.name === 'tcp_retransmit_skb';
}

function isBulk({ type }: TimelineEvent): boolean {
  return (BULK as readonly string[]).includes(type);
}

function bytesOf(event: TimelineEvent): number {
  return 'bytes' in event ? EACH_BYTES + event.bytes.length : 0;
}

/** The time of the event with which the sum of bytes exceeds `bytes`. */
function momentAfter(events: readonly TimelineEvent[], bytes: number): number {
  let sum = 0;
  const last = events.find((event) => {
    sum += bytesOf(event);
    return sum > bytes;
  });
  return last?.atMs ?? Number.POSITIVE_INFINITY;
}

/** Frequent events, whose texts are tcplab's own. */
const OWN_TEXT: ReadonlySet<TimelineEvent['type']> = new Set([
  'captured',
  'crafted',
  'dropped',
  'sockets',
  'kernel',
  'kernel-dropped',
  'counted',
  'rule-counted',
  'box-dropped',
]);

/** Everything that is shown of a lab comes from its timeline, so this is where a program's words become safe to print. */
function printableEvent<T extends TimelineEvent>(event: T): T {
  if (OWN_TEXT.has(event.type)) return event;
  const text = JSON.stringify(event);
  const safe = printableJson(text);
  return safe === text ? event : (JSON.parse(safe) as T);
}

/** Throws USAGE for anything but a timeline; a Promise of one is the usual mistake. */
export function mustBeTimeline(call: string, value: unknown): asserts value is Timeline {
  const shape = fitting<Timeline>('a Timeline', (given) => given instanceof Timeline);
  mustFit(`${call}() timeline`, shape, value, 'await runScenario(scenario) returns a timeline');
}
