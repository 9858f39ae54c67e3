import type { Segment } from '../tcp/segment.ts';
import { seqAdd } from '../tcp/sequence.ts';
import type { Dropped, HostName, KernelDropped } from './events.ts';
import { Matcher, type Packets, type Sighting } from './packet-index.ts';
import type { Timeline } from './timeline.ts';

/**
 * Where a packet came from that left a host. `tcp`: from the host's TCP, for a socket or because it has none. `crafted`: tcplab
 * made it, past the host's TCP. A rule: it rejected something. `firewall`: some rule did, of nobody knows whom.
 */
export type Origin = 'tcp' | 'crafted' | { rule: number } | 'firewall';

/** Finds the origins of one connection's packets, which are asked for in the order in which they left. */
export class Origins {
  readonly #crafted: Matcher<{ host: HostName; bytes: string }>;
  /** What rules have rejected and not yet answered. */
  readonly #unanswered: { drop: Dropped; withReset: boolean }[];

  /** What the kernel's netfilter has dropped on its way in: a rule of somebody else may have rejected it. */
  readonly #filtered: KernelDropped[];

  constructor(timeline: Timeline, { seen, crafted, discarded }: Packets) {
    this.#crafted = new Matcher(crafted);
    this.#filtered = discarded.filter(
      ({ reason, direction }) => reason === 'NETFILTER_DROP' && direction === 'received',
    );
    const texts = new Map(timeline.of('rule-set').map(({ rule, text }) => [rule, text]));
    this.#unanswered = seen.flatMap((drop) => {
      const text = drop.type === 'dropped' && drop.hook === 'in' ? (texts.get(drop.rule) ?? '') : '';
      if (drop.type !== 'dropped' || !text.includes('reject')) return [];
      return [{ drop, withReset: text.endsWith('reject with tcp reset') }];
    });
  }

  of(event: Sighting | KernelDropped): Origin {
    const { host, atMs, wire } = event;
    if (this.#crafted.take(host, event)) return 'crafted';
    const isReset = wire.kind === 'tcp' && wire.segment.flags.includes('R');
    if (wire.kind === 'tcp' && !isReset) return 'tcp';
    // Each drop is answered once.
    const found = this.#unanswered.findIndex(({ drop, withReset }) => {
      if (drop.host !== host || drop.atMs > atMs || drop.wire.kind !== 'tcp') return false;
      const { segment } = drop.wire;
      if (wire.kind === 'tcp') return withReset && refuses(wire.segment, segment);
      return !withReset && wire.error.quoted.seq === segment.seq;
    });
    const rule = found < 0 ? undefined : this.#unanswered.splice(found, 1)[0]?.drop.rule;
    if (rule !== undefined) return { rule };
    const isForeign = this.#filtered.some((drop) => {
      if (drop.host !== host || drop.wire.kind !== 'tcp' || wire.kind !== 'tcp') return false;
      // The answer leaves before what it answers is freed (net/ipv4/netfilter/nf_reject_ipv4.c).
      if (drop.atMs > atMs + ANSWERED_WITHIN_MS) return false;
      return refuses(wire.segment, drop.wire.segment);
    });
    return wire.kind === 'icmp' || isForeign ? 'firewall' : 'tcp';
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
