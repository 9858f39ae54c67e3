import type { HostName, TimelineEvent } from '../evidence/events.ts';
import type { Family } from '../tcp/endpoint.ts';
import { describeRule, iptablesCommand, nftCommand, type Rule } from './rule.ts';
import type { Undo } from './undo.ts';

/** What sets the rules: nftables, or the iptables command (for IPv6 ip6tables). */
export type FirewallKind = 'nft' | 'iptables';

export interface RuleCount {
  rule: number;
  packets: number;
}

/**
 * The packet filter of one host. The rule counts each segment that it decides on, and logs it
 * with the rule's number. Made and used with the thread inside the host's namespace.
 */
export interface Firewall {
  set(number: number, rule: Rule): void;
  /** Returns its last packet count; undefined if there is no such rule. */
  lift(number: number): RuleCount | undefined;
  /** The packets that each rule has met. */
  count(): RuleCount[];
  /** On a machine that others use as well nothing is left of it. */
  close(): void;
}

export interface FirewallOptions {
  family: Family;
  /** The NFLOG group of the rules. */
  logGroup: number;
  /** On a machine that others use as well. */
  shared?: {
    /** Names what is set there, and nothing else does. */
    table: string;
    /** Called before each change, with how to undo it. */
    keep: (undo: Undo) => void;
  };
}

export function ruleSetEvent(
  atMs: number,
  host: HostName,
  number: number,
  rule: Rule,
  family: Family,
): TimelineEvent {
  return {
    type: 'rule-set',
    atMs,
    host,
    rule: number,
    hook: rule.hook,
    text: describeRule(rule, family),
    nft: nftCommand(rule, family),
    iptables: iptablesCommand(rule, family),
  };
}
