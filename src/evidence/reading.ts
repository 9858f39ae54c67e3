import { type Captured, type HostName, type KernelDropped, otherHost } from './events.ts';
import { Inputs, type SeenInput } from './inputs.ts';
import { isArrival, isDeparture, type Joins } from './joins.ts';
import type { Origin, Origins } from './origins.ts';
import type { Sighting } from './packet-index.ts';
import type { Passage, SentNumbers } from './passage.ts';
import { RelativeNumbers } from './relative-numbers.ts';
import { Retransmissions } from './retransmissions.ts';
import { hasWrongChecksum, withOptions } from './seen-packet.ts';
import { PacketsTold } from './witness/packets-told.ts';

/** What is handed on by a reading. */
export interface Reader {
  /** In the order in which they were sent. */
  passage?: (passage: Passage, of: Sighting | KernelDropped) => void;
  /** In the order of each host. */
  input?: (host: HostName, input: SeenInput) => void;
}

/** From when on a host's capture may have missed something; null when it never did. */
export type BlindSince = Record<HostName, number | null>;

/** Reads the packets of one connection in the order of time, each once. */
export class Reading {
  told: Record<HostName, PacketsTold> = { client: new PacketsTold(), server: new PacketsTold() };
  #numbers = new RelativeNumbers();
  #repetitions = new Retransmissions();
  #inputs = { client: new Inputs(), server: new Inputs() };
  readonly #origins: Origins;
  readonly #mayDrop: (host: HostName) => boolean;

  /** `mayDrop`: whether what arrives at a host may be dropped there, and nobody tells. */
  constructor(origins: Origins, mayDrop: (host: HostName) => boolean) {
    this.#origins = origins;
    this.#mayDrop = mayDrop;
  }

  /** One that goes on from here by itself. */
  copy(): Reading {
    const copy = new Reading(this.#origins.copy(), this.#mayDrop);
    copy.told = { client: this.told.client.copy(), server: this.told.server.copy() };
    copy.#numbers = this.#numbers.copy();
    copy.#repetitions = this.#repetitions.copy();
    copy.#inputs = { client: this.#inputs.client.copy(), server: this.#inputs.server.copy() };
    return copy;
  }

  forgetOld(): void {
    this.#origins.forgetOld();
    this.#repetitions.forgetOld();
  }

  /**
   * `events` are the next, in the order of time, with what left a socket and was seen by nobody else. What TCP dropped for
   * one of the reasons in `evenIf` is an input all the same.
   */
  read(
    events: readonly (Sighting | KernelDropped)[],
    joins: Joins,
    blindSince: BlindSince,
    { passage, input }: Reader,
    evenIf: readonly string[] = [],
  ): void {
    for (const event of events) {
      const { host, atMs, wire } = event;
      const seen = withOptions(event);
      let told: SeenInput | undefined;
      if (isArrival(event)) {
        const why = joins.discardOf(event)?.reason;
        const reason = why !== undefined && evenIf.includes(why) ? undefined : why;
        const isRefused = joins.dropOf(event) || hasWrongChecksum(event);
        if (!isRefused) told = this.#inputs[host].received(atMs, seen, reason);
        if (told && this.#mayDrop(host)) told = { ...told, maybe: true };
      } else if (isDeparture(event)) {
        const origin = this.#origins.of(event);
        const numbers = this.#numbersOf(event, origin);
        const { bytes } = event;
        passage?.(
          { atMs, host, wire, bytes, origin, numbers, ...whatBecameOf(event, joins, blindSince) },
          event,
        );
        // What was crafted here, or sent by the firewall, no socket of this host has sent.
        if (origin === 'tcp') told = this.#inputs[host].sent(atMs, seen);
      }
      if (!told) continue;
      this.told[host].advance(told);
      input?.(host, told);
    }
  }

  #numbersOf({ host, wire }: Sighting | KernelDropped, origin: Origin): SentNumbers | null {
    if (wire.kind === 'icmp') return null;
    const { seq, ack, base } = this.#numbers.tell(host, wire.segment);
    return { seq, ack, ...this.#repetitions.tell(host, wire.segment, base, origin === 'crafted') };
  }
}

/** Where a packet that left a host ended. */
export function whatBecameOf(
  event: Sighting | KernelDropped,
  joins: Joins,
  blindSince: BlindSince,
): Pick<Passage, 'arrivedMs' | 'fate'> {
  if (event.type === 'dropped') return { arrivedMs: null, fate: { dropped: event } };
  if (event.type === 'kernel-dropped') return { arrivedMs: null, fate: { discarded: event } };
  const arrived = joins.arrivalsOf(event);
  const arrivedMs = arrived.at(-1)?.atMs ?? null;
  const drop = arrived.map((arrival) => joins.dropOf(arrival)).find(Boolean);
  if (drop) return { arrivedMs, fate: { dropped: drop } };
  // What arrived all the same was dropped at its sender as a copy (nft's dup).
  const sightings: readonly Captured[] = arrived.length > 0 ? arrived : [event];
  const discarded = sightings.map((sighting) => joins.discardOf(sighting)).find(Boolean);
  if (discarded) return { arrivedMs, fate: { discarded } };
  if (arrived.length > 0) return { arrivedMs, fate: 'delivered' };
  const since = blindSince[otherHost(event.host)];
  return { arrivedMs, fate: since !== null && event.atMs >= since ? 'unseen' : 'lost' };
}
