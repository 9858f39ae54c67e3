import { counted } from '../../evidence/counted.ts';
import type { HostName, RulesSeen, SeenRule } from '../../evidence/events.ts';
import { ruleWords } from '../../evidence/foreign-rules.ts';
import type { Timeline } from '../../evidence/timeline.ts';

/** A rule that others set or removed. */
export interface RuleNews {
  news: 'rule';
  atMs: number;
  host: HostName;
  change: 'set' | 'removed';
  rule: string;
  /** By its counter; null if it has none. */
  packets: number | null;
}

/** Gives what others change in the packet filters of a lab that is watched, each change once. */
export class RuleChanges {
  readonly #rules: Record<HostName, Map<string, SeenRule>> = { client: new Map(), server: new Map() };
  readonly #unread: Record<HostName, string | null> = { client: null, server: null };
  #seen = 0;

  next(timeline: Timeline): RuleNews[] {
    const seen = timeline.of('rules-seen');
    const news = seen.slice(this.#seen).flatMap((event) => this.#changesBy(event));
    this.#seen = seen.length;
    return news;
  }

  #changesBy({ atMs, host, rules, unread }: RulesSeen): RuleNews[] {
    const before = this.#rules[host];
    const now = new Map(rules.map((rule) => [`${rule.chain} ${rule.handle}`, rule]));
    this.#rules[host] = now;
    const told = (rule: SeenRule, change: RuleNews['change']): RuleNews => {
      return { news: 'rule', atMs, host, change, rule: ruleWords(rule), packets: rule.packets };
    };
    const news = [
      ...[...before].filter(([name]) => !now.has(name)).map(([, rule]) => told(rule, 'removed')),
      ...[...now].filter(([name]) => !before.has(name)).map(([, rule]) => told(rule, 'set')),
    ];
    if (unread !== null && unread !== this.#unread[host])
      news.push({ news: 'rule', atMs, host, change: 'set', rule: unread, packets: null });
    this.#unread[host] = unread;
    return news;
  }
}

/** `server: rule removed: ip filter INPUT: tcp dport 80 drop (3 packets)` */
export function ruleChangeText({ host, change, rule, packets }: RuleNews): string {
  const count = change === 'removed' && packets !== null ? ` (${counted(packets, 'packet')})` : '';
  return `${host}: rule ${change}: ${rule}${count}`;
}
