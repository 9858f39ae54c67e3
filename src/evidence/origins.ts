import type { Segment } from '../tcp/segment.ts';
import { seqAdd } from '../tcp/sequence.ts';
import type { Dropped, KernelDropped } from './events.ts';
import { identityOfEvent } from './identity.ts';
import type { ObservedPacket, PacketEvent } from './packet-index.ts';

/**
 * Where a packet came from that left a host. `tcp`: the host's TCP, with a socket or for lack of one. `crafted`: tcplab
 * made it, bypassing TCP. A rule: it rejected something. `firewall`: a rule of unknown owner did. `outside`: it arrived
 * at the other host with this one's address, and never left this one.
 */
export type Origin = 'tcp' | 'crafted' | { rule: number } | 'firewall' | 'outside';

/** How much of each is remembered of what is settled: an answer follows at once. */
const MOST = 256;

/** Finds the origins of one connection's packets, which are asked for in the order in which they left each host. */
export class Origins {
  /** How many of the same were crafted and not seen to leave yet. */
  readonly #crafted = new Map<string, number>();
  /** What rules have dropped on its way in and not yet answered. */
  #unanswered: Dropped[] = [];
  /** Packets that netfilter dropped on their way in: a rule of another owner may have rejected them. */
  #filtered: KernelDropped[] = [];
  readonly #textOf: (rule: number) => string;

  constructor(textOf: (rule: number) => string) {
    this.#textOf = textOf;
  }

  /** What may be the cause of a packet, of each host in the order of time. */
  add(event: PacketEvent): void {
    if (event.type === 'crafted') {
      const key = event.host + identityOfEvent(event);
      this.#crafted.set(key, (this.#crafted.get(key) ?? 0) + 1);
    } else if (event.type === 'dropped' && event.hook === 'in') {
      const text = this.#textOf(event.rule);
      if (text === '' || text.includes('reject')) this.#unanswered.push(event);
    } else if (event.type === 'kernel-dropped') {
      const { reason, direction } = event;
      if (reason === 'NETFILTER_DROP' && direction === 'received') this.#filtered.push(event);
    }
  }

  of(event: ObservedPacket | KernelDropped): Origin {
    const { host, atMs, wire } = event;
    if (this.#takeCrafted(event)) return 'crafted';
    const isReset = wire.kind === 'tcp' && wire.segment.flags.includes('R');
    if (wire.kind === 'tcp' && !isReset) return 'tcp';
    // Each drop is answered once.
    const found = this.#unanswered.findIndex((drop) => {
      if (drop.host !== host || drop.atMs > atMs || drop.wire.kind !== 'tcp') return false;
      const text = this.#textOf(drop.rule);
      if (!text.includes('reject')) return false;
      const withReset = text.endsWith('reject with tcp reset');
      const { segment } = drop.wire;
      if (wire.kind === 'tcp') return withReset && refuses(wire.segment, segment);
      return !withReset && wire.error.quoted.seq === segment.seq;
    });
    const rule = found < 0 ? undefined : this.#unanswered.splice(found, 1)[0]?.rule;
    if (rule !== undefined) return { rule };
    const isForeign = this.#filtered.some((drop) => {
      if (drop.host !== host || drop.wire.kind !== 'tcp' || wire.kind !== 'tcp') return false;
      // The answer leaves before what it answers is freed (net/ipv4/netfilter/nf_reject_ipv4.c).
      if (drop.atMs > atMs + ANSWERED_WITHIN_MS) return false;
      return refuses(wire.segment, drop.wire.segment);
    });
    return wire.kind === 'icmp' || isForeign ? 'firewall' : 'tcp';
  }

  /** An independent copy. */
  copy(): Origins {
    const copy = new Origins(this.#textOf);
    for (const [key, times] of this.#crafted) copy.#crafted.set(key, times);
    copy.#unanswered = [...this.#unanswered];
    copy.#filtered = [...this.#filtered];
    return copy;
  }

  /** What is long past has been answered. */
  forgetOld(): void {
    this.#unanswered.splice(0, this.#unanswered.length - MOST);
    this.#filtered.splice(0, this.#filtered.length - MOST);
    for (const key of [...this.#crafted.keys()].slice(0, -MOST)) this.#crafted.delete(key);
  }

  #takeCrafted(event: ObservedPacket | KernelDropped): boolean {
    if (this.#crafted.size === 0) return false;
    const key = event.host + identityOfEvent(event);
    const times = this.#crafted.get(key) ?? 0;
    if (times > 1) this.#crafted.set(key, times - 1);
    else this.#crafted.delete(key);
    return times > 0;
  }
}

/** An RST in answer to a segment that met no connection has its numbers from that segment (RFC 9293, 3.10.7.1). */
function refuses(rst: Segment, segment: Segment): boolean {
  if (segment.ack !== null) return rst.ack === null && rst.seq === segment.ack;
  const controls = Number(segment.flags.includes('S')) + Number(segment.flags.includes('F'));
  return rst.seq === 0 && rst.ack === seqAdd(segment.seq, segment.length + controls);
}

/** From the RST of a rule to the drop of what it rejects: both happen in one go. */
const ANSWERED_WITHIN_MS = 5;
