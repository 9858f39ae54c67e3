import { endOfSegment } from '../tcp/possibility.ts';
import type { Segment } from '../tcp/segment.ts';
import { type SequenceNumber, seqAdd, seqDistance } from '../tcp/sequence.ts';
import { receiverOf } from './connection.ts';
import type { HostName } from './events.ts';

/** What a segment is after those that were sent before it. */
interface Repetition {
  /** How often a segment that begins at the same number was sent before, if all of this one was; else 0. */
  again: number;
  /** It asks for an answer, one byte before what is new: a keepalive, or a probe of a zero window. */
  isProbe: boolean;
}

const NEW: Repetition = { again: 0, isProbe: false };

interface Sender {
  /** The end of what was sent, from the first number of each of its connections. */
  furthest: Map<SequenceNumber, SequenceNumber>;
  /** How often something was sent that begins at a number; SYN, SYN-ACK and the rest apart. */
  times: Map<string, number>;
  /** What the other host has acknowledged of it. */
  acknowledged: SequenceNumber | null;
}

/** Which segments of one connection are retransmitted, in the order in which they were sent. */
export class Retransmissions {
  #senders: Record<HostName, Sender> = { client: newSender(), server: newSender() };

  /** An independent copy. */
  copy(): Retransmissions {
    const copy = new Retransmissions();
    copy.#senders = { client: copyOf(this.#senders.client), server: copyOf(this.#senders.server) };
    return copy;
  }

  /** What was sent long ago counts as sent once. */
  forgetOld(): void {
    for (const { times } of Object.values(this.#senders))
      for (const key of times.keys()) {
        if (times.size <= MOST_TIMES) break;
        times.delete(key);
      }
  }

  /** `base`: the first sequence number of its connection. A `crafted` segment does not count as sent by a host's TCP. */
  add(host: HostName, segment: Segment, base: SequenceNumber, crafted: boolean): Repetition {
    const [sender, peer] = [this.#senders[host], this.#senders[receiverOf(host, segment)]];
    const repetition = crafted ? NEW : repetitionOf(sender, base, segment);
    if (!crafted) remember(sender, base, segment);
    if (segment.ack !== null && !segment.flags.includes('R')) peer.acknowledged = segment.ack;
    return repetition;
  }
}

/** More segments than these are not under way at once: by far most are acknowledged. */
const MOST_TIMES = 4096;

function copyOf({ furthest, times, acknowledged }: Sender): Sender {
  return { furthest: new Map(furthest), times: new Map(times), acknowledged };
}

function newSender(): Sender {
  return { furthest: new Map(), times: new Map(), acknowledged: null };
}

function repetitionOf(sender: Sender, base: SequenceNumber, segment: Segment): Repetition {
  const { flags, seq, length } = segment;
  if (flags === '.' && length === 0) {
    const isProbe = sender.acknowledged !== null && seq === seqAdd(sender.acknowledged, -1);
    return { again: 0, isProbe };
  }
  if (flags.includes('R') || endOfSegment(segment) === seq) return NEW;
  const before = sender.times.get(timesKey(segment)) ?? 0;
  if (flags.includes('S')) return { again: before, isProbe: false };
  const furthest = sender.furthest.get(base);
  const wasSent = furthest !== undefined && seqDistance(endOfSegment(segment), furthest) <= 0;
  return { again: wasSent ? Math.max(before, 1) : 0, isProbe: false };
}

function remember(sender: Sender, base: SequenceNumber, segment: Segment): void {
  if (segment.flags.includes('R')) return;
  const key = timesKey(segment);
  if (endOfSegment(segment) !== segment.seq) sender.times.set(key, (sender.times.get(key) ?? 0) + 1);
  const furthest = sender.furthest.get(base);
  const end = endOfSegment(segment);
  if (furthest === undefined || seqDistance(end, furthest) > 0) sender.furthest.set(base, end);
}

/** In a simultaneous open, a SYN-ACK after a SYN is not a retransmission. */
function timesKey({ seq, flags }: Segment): string {
  return flags.includes('S') ? `${seq} S${flags.includes('.')}` : `${seq}`;
}
