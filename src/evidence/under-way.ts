import { otherHostOf } from './connection.ts';
import type { Captured } from './events.ts';
import { isArrival, numbersKey } from './joins.ts';
import type { PacketEvent } from './packet-index.ts';
import type { Passage } from './passage.ts';

/** A packet that was seen to leave, and what is known of it. */
export interface UnderWay {
  event: Captured;
  passage: Passage;
}

/** Of no more than these, an arrival is still taken for theirs: an hour's losses must not pile up. */
const MOST = 4096;

/** The packets of which the arrival may still come, or is not settled yet. */
export class AllUnderWay {
  readonly #byNumbers = new Map<string, UnderWay[]>();
  readonly #inOrder = new Set<UnderWay>();

  add(one: UnderWay): void {
    const key = keyOf(one);
    const same = this.#byNumbers.get(key);
    if (same) same.push(one);
    else this.#byNumbers.set(key, [one]);
    this.#inOrder.add(one);
    const [oldest] = this.#inOrder;
    if (oldest && this.#inOrder.size > MOST) this.remove(oldest);
  }

  remove(one: UnderWay): void {
    if (!this.#inOrder.delete(one)) return;
    const same = this.#byNumbers.get(keyOf(one)) ?? [];
    if (same.length > 1) same.splice(same.indexOf(one), 1);
    else this.#byNumbers.delete(keyOf(one));
  }

  /** Those that may have arrived by these events, in the order in which they left. */
  metBy(events: readonly PacketEvent[]): UnderWay[] {
    if (this.#inOrder.size === 0) return [];
    const met = new Set<UnderWay>();
    for (const event of events) {
      if (event.type !== 'captured' || !isArrival(event)) continue;
      for (const one of this.#byNumbers.get(numbersKey(event)) ?? []) met.add(one);
    }
    return [...met].sort((a, b) => a.event.atMs - b.event.atMs);
  }
}

function keyOf({ event }: UnderWay): string {
  return numbersKey(event, otherHostOf(event));
}
