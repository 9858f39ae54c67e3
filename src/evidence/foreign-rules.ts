import type { HostName, KernelDropped } from './events.ts';
import type { RulesSeen, SeenRule } from './seen-rules.ts';
import type { Timeline } from './timeline.ts';

/** Which way a packet goes through a host. */
type Direction = KernelDropped['direction'];

/** The hooks that a packet passes between the wire and a socket (nft(8), Netfilter hooks); of none, it may be any. */
const HOOKS: Record<Direction, readonly string[]> = {
  received: ['ingress', 'prerouting', 'input'],
  sent: ['output', 'postrouting', 'egress'],
};

/**
 * A capture sees a packet before a rule counts it (Netfilter's input hook): on a machine that is busy, so much before. What is
 * read of rules within that time after a packet may not have it yet.
 */
export const COUNTED_AFTER_MS = 50;

/** The rules that others had set in a host at a moment, as they were last read. */
export function rulesAt(timeline: Timeline, host: HostName, atMs: number): RulesSeen | undefined {
  return timeline.of('rules-seen').findLast((event) => event.host === host && event.atMs <= atMs);
}

/** Whether others act in a host: programs of the lab, or, where it is watched, any program in there. */
export function hasGuests(timeline: Timeline, host: HostName): boolean {
  return isWatched(timeline) || timeline.of('program-started').some((event) => event.host === host);
}

/** Whether the lab belongs to others, and tcplab only watches it. */
export function isWatched(timeline: Timeline): boolean {
  return timeline.of('lab-opened')[0]?.watched === true;
}

/**
 * Whether a rule of others may have stopped a packet at that moment. A rule whose counter did not move has not; of one without
 * a counter that is never known.
 */
export function mayHaveDropped(
  timeline: Timeline,
  host: HostName,
  direction: Direction,
  atMs: number,
): boolean {
  const suspects = suspectsAt(timeline, host, direction, atMs);
  return suspects.isUnread || suspects.rules.length > 0;
}

/**
 * The rules that can have stopped a packet which netfilter did stop, at that moment: one, if no other can have. None, if it was
 * another that could not be read.
 */
export function rulesThatDropped(
  timeline: Timeline,
  { host, direction, atMs }: Pick<KernelDropped, 'host' | 'direction' | 'atMs'>,
): SeenRule[] {
  const { rules, isUnread } = suspectsAt(timeline, host, direction, atMs);
  return isUnread ? [] : rules;
}

interface Suspects {
  rules: SeenRule[];
  /** Whether there may be others. */
  isUnread: boolean;
}

function suspectsAt(timeline: Timeline, host: HostName, direction: Direction, atMs: number): Suspects {
  const before = rulesAt(timeline, host, atMs);
  const after = timeline.after('rules-seen', atMs).find((event) => event.host === host);
  // The reading before the change found nothing new: what came until some time before, no counter has counted.
  const isCalm =
    after === undefined || (after.sameUntilMs !== null && atMs + COUNTED_AFTER_MS <= after.sameUntilMs);
  const isThere = (rule: SeenRule) =>
    rule.effect === 'may drop' && (rule.hook === null || HOOKS[direction].includes(rule.hook));
  const old = (before?.rules ?? []).filter(isThere);
  const isUnread = (before?.unread ?? null) !== null || (!isCalm && after.unread !== null);
  if (isCalm) return { rules: old.filter(({ packets }) => packets === null), isUnread };
  const now = after.rules.filter(isThere);
  const counts = new Map(old.map((rule) => [nameOf(rule), rule.packets]));
  // A rule that is gone by now has taken its counter along.
  const gone = old.filter((rule) => !now.some((other) => nameOf(other) === nameOf(rule)));
  const grown = now.filter((rule) => rule.packets === null || rule.packets > (counts.get(nameOf(rule)) ?? 0));
  return { rules: [...gone, ...grown], isUnread };
}

/** A handle is never given twice in a table, so a rule that was set again is another one. */
function nameOf({ chain, handle }: SeenRule): string {
  return `${chain} ${handle}`;
}

/** `ip filter INPUT: tcp dport 80 drop` */
export function ruleWords({ chain, text }: SeenRule): string {
  return `${chain}: ${text}`;
}
