import type { HostName } from '../../evidence/events.ts';
import { otherHost } from '../../evidence/events.ts';
import type { Segment } from '../../tcp/segment.ts';
import { seqAdd, seqDistance } from '../../tcp/sequence.ts';
import { RelativeNumbers } from '../relative-numbers.ts';

/** A segment as the ones before it make it look. */
export interface Numbered {
  seq: number;
  ack: number | null;
  /** `again`: all of it was sent before. `probe`: it asks for an answer, one octet before what is new. */
  mark: 'again' | 'probe' | null;
}

interface Sender {
  /** The end of what was sent, from the first number of each of its connections. */
  furthest: Map<number, number>;
  syns: Set<string>;
  /** What the other host has acknowledged of it. */
  acknowledged: number | null;
}

/** Relative numbers and retransmissions of one connection, whose segments are told in the order of their sending. */
export class Numbers {
  readonly #relative = new RelativeNumbers();
  readonly #senders: Record<HostName, Sender> = { client: newSender(), server: newSender() };

  /** What was `crafted` is no sign of what a host's TCP has sent. */
  tell(host: HostName, segment: Segment, crafted: boolean): Numbered {
    const [sender, peer] = [this.#senders[host], this.#senders[otherHost(host)]];
    const { seq, ack, base } = this.#relative.tell(host, segment);
    const mark = crafted ? null : markOf(sender, base, segment);
    if (!crafted) remember(sender, base, segment);
    if (segment.ack !== null && !segment.flags.includes('R')) peer.acknowledged = segment.ack;
    return { seq, ack, mark };
  }
}

function newSender(): Sender {
  return { furthest: new Map(), syns: new Set(), acknowledged: null };
}

function markOf(sender: Sender, base: number, segment: Segment): Numbered['mark'] {
  const { flags, seq, length } = segment;
  if (flags === '.' && length === 0) {
    return sender.acknowledged !== null && seq === seqAdd(sender.acknowledged, -1) ? 'probe' : null;
  }
  if (flags.includes('R')) return null;
  // A SYN-ACK after a SYN, in a simultaneous open, says something new.
  if (flags.includes('S')) return sender.syns.has(synKey(segment)) ? 'again' : null;
  const furthest = sender.furthest.get(base);
  const end = endOf(segment);
  const wasSent = furthest !== undefined && seqDistance(end, furthest) <= 0;
  return wasSent && end !== seq ? 'again' : null;
}

function remember(sender: Sender, base: number, segment: Segment): void {
  if (segment.flags.includes('R')) return;
  if (segment.flags.includes('S')) sender.syns.add(synKey(segment));
  const furthest = sender.furthest.get(base);
  const end = endOf(segment);
  if (furthest === undefined || seqDistance(end, furthest) > 0) sender.furthest.set(base, end);
}

function synKey({ seq, flags }: Segment): string {
  return `${seq} ${flags.includes('.')}`;
}

/** The number after its last octet; SYN and FIN take one each. */
function endOf({ seq, length, flags }: Segment): number {
  return seqAdd(seq, length + Number(flags.includes('S')) + Number(flags.includes('F')));
}
