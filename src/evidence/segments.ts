import type { Connection } from './connection.ts';
import { dropWords } from './drop-reasons.ts';
import type { HostName, KernelDropped } from './events.ts';
import { isWatched, rulesThatDropped, ruleWords } from './foreign-rules.ts';
import type { SeenInput } from './inputs.ts';
import { trafficOn } from './packet-index.ts';
import type { Passage } from './passage.ts';
import { mustBeTimeline, type Timeline } from './timeline.ts';
import type { PacketFold } from './witness/packet-fold.ts';

export type { SeenInput } from './inputs.ts';
export type { Passage, SentNumbers } from './passage.ts';

/** The packets of a connection in the order in which they were sent, without those that were left out. */
export function passages(timeline: Timeline, connection: Connection): Passage[] {
  mustBeTimeline('passages', timeline);
  return [...trafficOn(timeline, connection).passages];
}

/** How many of a connection's segments were left out, because there were too many to keep. */
export function segmentsLeftOut(timeline: Timeline, connection: Connection): number {
  return trafficOn(timeline, connection).leftOut;
}

/** Gives each passage of a connection once, when it is settled. */
export class PassageFeed {
  #given = 0;

  next(timeline: Timeline, connection: Connection): readonly Passage[] {
    const traffic = trafficOn(timeline, connection);
    return this.#after(traffic.settled, traffic.leftOut);
  }

  /** Also those that are not settled. */
  rest(timeline: Timeline, connection: Connection): readonly Passage[] {
    const traffic = trafficOn(timeline, connection);
    return this.#after(traffic.passages, traffic.leftOut);
  }

  #after(passages: readonly Passage[], leftOut: number): readonly Passage[] {
    const news = passages.slice(Math.max(0, this.#given - leftOut));
    this.#given = Math.max(this.#given, passages.length + leftOut);
    return news;
  }
}

/** What the packets show about one end; also those that were left out. */
export function packetFoldOf(timeline: Timeline, connection: Connection, host: HostName): PacketFold {
  return trafficOn(timeline, connection).fold(host);
}

/**
 * What one end sent (even if a rule or the kernel stopped it at once) and what its TCP was really given, in order; with what TCP
 * dropped for one of the reasons in `evenIf`. Without those that were left out.
 */
export function inputsOf(
  timeline: Timeline,
  connection: Connection,
  host: HostName,
  evenIf: readonly string[] = [],
): SeenInput[] {
  return trafficOn(timeline, connection).inputs(host, evenIf);
}

/** Why the kernel dropped it, in words for the middle of a sentence. */
export function wordsOfDrop(timeline: Timeline, drop: KernelDropped): string {
  const { host, reason } = drop;
  if (reason === 'NETFILTER_DROP' && isWatched(timeline)) {
    const rules = rulesThatDropped(timeline, drop).map(ruleWords);
    return rules.length > 1
      ? `one of ${rules.length} rules (${rules.join(' | ')})`
      : (rules[0] ?? 'netfilter (rule unknown)');
  }
  const mayBeOurs = reason === 'NETFILTER_DROP' && hasLostPackets(timeline, host);
  return mayBeOurs ? 'netfilter (rule unknown: a log overflowed)' : dropWords(reason);
}

/** Of the host's packets, or of what its rules logged. */
function hasLostPackets(timeline: Timeline, host: HostName): boolean {
  return timeline.of('lost').some((event) => event.witness === 'packets' && (event.host ?? host) === host);
}
