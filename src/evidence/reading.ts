import { sameEndpoint } from '../tcp/endpoint.ts';
import { type Connection, isSelf, otherHostOf } from './connection.ts';
import type { Captured, HostName, KernelDropped } from './events.ts';
import { Inputs, type SeenInput } from './inputs.ts';
import { isArrival, isDeparture, type Joins } from './joins.ts';
import type { Origin, Origins } from './origins.ts';
import { replyOfOwnRule } from './own-replies.ts';
import type { ObservedPacket } from './packet-index.ts';
import type { Passage, SentNumbers } from './passage.ts';
import { RelativeNumbers } from './relative-numbers.ts';
import { Retransmissions } from './retransmissions.ts';
import { hasWrongChecksum, withOptions } from './seen-packet.ts';
import { PacketFold } from './witness/packet-fold.ts';

/** What is handed on by a reading. */
export interface Reader {
  /** In the order in which they were sent. */
  passage?: (passage: Passage, of: ObservedPacket | KernelDropped) => void;
  /** In the order of each host. */
  input?: (host: HostName, input: SeenInput) => void;
}

/** From when on a host's capture may have missed something; null when it never did. */
export type BlindSince = Record<HostName, number | null>;

/** What a reading uses in addition to the packets. */
interface About {
  connection: Connection;
  /** Whether arriving packets may be dropped on a host without a report. */
  mayDrop: (host: HostName, atMs: number) => boolean;
  /** A rule in nft's words, by its number. */
  textOf: (rule: number) => string;
}

/** Reads the packets of one connection in the order of time, each once. */
export class Reading {
  folds: Record<HostName, PacketFold> = { client: new PacketFold(), server: new PacketFold() };
  #numbers = new RelativeNumbers();
  #repetitions = new Retransmissions();
  #inputs = { client: new Inputs(), server: new Inputs() };
  readonly #origins: Origins;
  readonly #about: About;

  constructor(origins: Origins, about: About) {
    this.#origins = origins;
    this.#about = about;
  }

  /** An independent copy. */
  copy(): Reading {
    const copy = new Reading(this.#origins.copy(), this.#about);
    copy.folds = { client: this.folds.client.copy(), server: this.folds.server.copy() };
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
    events: readonly (ObservedPacket | KernelDropped)[],
    joins: Joins,
    blindSince: BlindSince,
    { passage, input }: Reader,
    evenIf: readonly string[] = [],
  ): void {
    for (const event of events) {
      const { host, atMs, wire } = event;
      const seen = withOptions(event);
      const inputs: (SeenInput | undefined)[] = [];
      if (isArrival(event)) {
        const why = joins.discardOf(event)?.reason;
        const reason = why !== undefined && evenIf.includes(why) ? undefined : why;
        const isRefused = joins.dropOf(event) || hasWrongChecksum(event);
        const given = isRefused ? undefined : this.#inputs[host].received(atMs, seen, reason);
        inputs.push(given && this.#about.mayDrop(host, atMs) ? { ...given, maybe: true } : given);
        if (joins.isStray(event) && !this.#isUnsure(event, blindSince))
          passage?.(this.#strayPassage(event, joins), event);
      } else if (isDeparture(event)) {
        const origin = this.#origins.of(event);
        const numbers = this.#numbersOf(event, origin);
        const { bytes } = event;
        passage?.(
          { atMs, host, wire, bytes, origin, numbers, ...whatBecameOf(event, joins, blindSince) },
          event,
        );
        // What was crafted here, or sent by the firewall, no socket of this host has sent.
        if (origin === 'tcp' && this.#isOwn(event)) inputs.push(this.#inputs[host].sent(atMs, seen));
        if (event.type === 'dropped') inputs.push(replyOfOwnRule(event, this.#about.textOf(event.rule)));
      }
      for (const one of inputs) {
        if (!one) continue;
        this.folds[host].advance(one);
        input?.(host, one);
      }
    }
  }

  /** A rule's reply to its own host passes that host's output rules, with the other host's address as its source. */
  #isOwn({ host, wire }: ObservedPacket | KernelDropped): boolean {
    return wire.kind === 'icmp' || sameEndpoint(wire.segment.source, this.#about.connection[host]);
  }

  /** Whether the other host may have sent it unseen. */
  #isUnsure(event: Captured, blindSince: BlindSince): boolean {
    const since = blindSince[otherHostOf(event)];
    return (since !== null && event.atMs >= since) || isSelf(this.#about.connection);
  }

  #strayPassage(event: Captured, joins: Joins): Passage {
    const { atMs, wire, bytes } = event;
    const host = otherHostOf(event);
    const [dropped, discarded] = [joins.dropOf(event), joins.discardOf(event)];
    const fate = dropped ? { dropped } : discarded ? { discarded } : 'delivered';
    const numbers = this.#numbersOf({ ...event, host }, 'outside');
    return { atMs, host, wire, bytes, origin: 'outside', numbers, arrivedMs: atMs, fate };
  }

  #numbersOf({ host, wire }: ObservedPacket | KernelDropped, origin: Origin): SentNumbers | null {
    if (wire.kind === 'icmp') return null;
    const { seq, ack, base } = this.#numbers.add(host, wire.segment);
    return {
      seq,
      ack,
      ...this.#repetitions.add(host, wire.segment, base, origin === 'crafted' || origin === 'outside'),
    };
  }
}

/** Where a packet that left a host ended. */
export function whatBecameOf(
  event: ObservedPacket | KernelDropped,
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
  const captures: readonly Captured[] = arrived.length > 0 ? arrived : [event];
  const discarded = captures.map((capture) => joins.discardOf(capture)).find(Boolean);
  if (discarded) return { arrivedMs, fate: { discarded } };
  if (arrived.length > 0) return { arrivedMs, fate: 'delivered' };
  const since = blindSince[otherHostOf(event)];
  return { arrivedMs, fate: since !== null && event.atMs >= since ? 'unseen' : 'lost' };
}
