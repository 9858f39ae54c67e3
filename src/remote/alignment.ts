import { otherHostOf } from '../evidence/connection.ts';
import {
  type Captured,
  type Dropped,
  type HostName,
  otherHost,
  type TimelineEvent,
} from '../evidence/events.ts';
import { identityOf } from '../tcp/segment.ts';
import type { HostClock } from './host-clock.ts';

/** So much later than its departure, at the least, an arrival is shown. */
const LEAST_MS = 0.001;
/** NFLOG cuts the stamp of a packet down to whole microseconds, the capture does not: the packet came before this is over. */
const LOG_STAMP_MS = 0.001;

/**
 * Puts the events of two machines onto one clock. Their clocks are only known to within half a round trip, in which a
 * segment may well go and be answered; but a segment never arrives before it was sent. So where the clocks say that it did,
 * that of its receiver is set forward from then on (as L. Lamport's clocks are): no segment is ordered against causality, and
 * what one machine saw keeps its order.
 */
export class Alignment {
  readonly #clocks: Record<HostName, HostClock>;
  readonly #emit: (event: TimelineEvent) => void;
  readonly #waiting: Record<HostName, TimelineEvent[]> = { client: [], server: [] };
  /** When packets were sent, on the lab's clock, by sender and identity. */
  readonly #departures = new Map<string, number[]>();
  /** How many packets a host was seen to be sent and no rule was yet seen to drop, by the host and what they are. */
  readonly #arrivals = new Map<string, number>();
  #latestMs = 0;

  constructor(clocks: Record<HostName, HostClock>, emit: (event: TimelineEvent) => void) {
    this.#clocks = clocks;
    this.#emit = emit;
  }

  /** Takes an event as its host has stamped it. */
  take(host: HostName, event: TimelineEvent): void {
    const atMs = isDropOfArrival(event) ? event.atMs + LOG_STAMP_MS : event.atMs;
    this.#waiting[host].push({ ...event, atMs });
  }

  /** The latest moment that was given away. */
  get latestMs(): number {
    return this.#latestMs;
  }

  /**
   * Gives away all of which the moment is certain. A packet that arrived waits until it is known when it was sent, its drop
   * until it has arrived (for that may set the clock forward, and both are one moment), and all that its host saw later waits
   * with it: then the hosts that may know more are given. `settled`: of these there is nothing more to know, so they wait no
   * longer.
   */
  release(settled: ReadonlySet<TimelineEvent> = new Set()): HostName[] {
    for (const events of Object.values(this.#waiting)) events.sort((a, b) => a.atMs - b.atMs);
    for (let moved = true; moved; ) {
      moved = this.#drain('client');
      moved = this.#drain('server') || moved;
      // Packets from no host, or whose sending was not seen.
      if (!moved) moved = this.#giveIf(settled, 'client') || this.#giveIf(settled, 'server');
    }
    const knowing = (['client', 'server'] as const).flatMap((host) => {
      const [first] = this.#waiting[host];
      return first ? [isDropOfArrival(first) ? host : otherHost(host)] : [];
    });
    return [...new Set(knowing)];
  }

  /** All that waits now. */
  waiting(): ReadonlySet<TimelineEvent> {
    return new Set(Object.values(this.#waiting).flat());
  }

  #giveIf(settled: ReadonlySet<TimelineEvent>, host: HostName): boolean {
    const [first] = this.#waiting[host];
    return first !== undefined && settled.has(first) && this.#giveFirst(host);
  }

  /** Whether anything was given away. */
  #drain(host: HostName): boolean {
    let moved = false;
    for (let event = this.#waiting[host][0]; event; event = this.#waiting[host][0]) {
      // One clock has stamped both ends of what a host sends to itself.
      if (isArrival(event) && otherHostOf(event) !== host) {
        const sentMs = this.#departures.get(keyOf(otherHost(host), event))?.shift();
        if (sentMs === undefined) return moved;
        const clock = this.#clocks[host];
        const earlyMs = sentMs + LEAST_MS - clock.toLabMs(event.atMs);
        if (earlyMs > 0) clock.correct(event.atMs, sentMs + LEAST_MS - event.atMs);
      } else if (isDropOfArrival(event) && !this.#arrivals.get(keyOf(host, event))) return moved;
      this.#giveFirst(host);
      moved = true;
    }
    return moved;
  }

  #giveFirst(host: HostName): boolean {
    const event = this.#waiting[host].shift();
    if (!event) return false;
    const atMs = this.#clocks[host].toLabMs(event.atMs);
    this.#latestMs = Math.max(this.#latestMs, atMs);
    if (event.type === 'captured' && event.direction === 'sent') {
      const key = keyOf(host, event);
      this.#departures.set(key, [...(this.#departures.get(key) ?? []), atMs]);
    }
    if (isArrival(event)) this.#countArrival(keyOf(host, event), 1);
    if (isDropOfArrival(event)) this.#countArrival(keyOf(host, event), -1);
    this.#emit({ ...event, atMs });
    return true;
  }

  #countArrival(key: string, change: 1 | -1): void {
    this.#arrivals.set(key, Math.max(0, (this.#arrivals.get(key) ?? 0) + change));
  }
}

function isArrival(event: TimelineEvent): event is Captured {
  return event.type === 'captured' && event.direction === 'received';
}

function isDropOfArrival(event: TimelineEvent): event is Dropped {
  return event.type === 'dropped' && event.hook === 'in';
}

function keyOf(host: HostName, { bytes }: Captured | Dropped): string {
  return host + identityOf(Buffer.from(bytes, 'base64'));
}
