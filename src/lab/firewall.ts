import type { HostName, TimelineEvent } from '../evidence/events.ts';
import { Nftables } from '../kernel/nftables.ts';
import type { Family } from '../tcp/endpoint.ts';
import { describeRule, iptablesCommand, nftCommand, nftRule, type Rule } from './rule.ts';

const TABLE = 'inet tcplab';
const SET_UP = [
  `add table ${TABLE}`,
  `add chain ${TABLE} input { type filter hook input priority filter; }`,
  `add chain ${TABLE} output { type filter hook output priority filter; }`,
].join('\n');

/** The packet filter of one host: a table of nftables with a chain in and one out. */
export class Firewall {
  readonly #nftables = new Nftables();
  readonly #handles = new Map<number, { chain: string; handle: number }>();
  readonly #family: Family;
  readonly #logGroup: number;

  /** In the namespace in which the thread is now. */
  constructor(family: Family, logGroup: number) {
    this.#family = family;
    this.#logGroup = logGroup;
    this.#nftables.run(SET_UP);
  }

  set(number: number, rule: Rule): void {
    const chain = rule.hook === 'in' ? 'input' : 'output';
    const text = nftRule(rule, this.#family, number, this.#logGroup);
    const echoed = this.#nftables.runJson(`add rule ${TABLE} ${chain} ${text}`);
    const handle = echoed.find(({ add }) => add?.rule)?.add?.rule?.handle;
    if (handle === undefined) throw new Error(`nftables did not echo rule ${number}`);
    this.#handles.set(number, { chain, handle });
  }

  /** Whether there was such a rule. */
  lift(number: number): boolean {
    const rule = this.#handles.get(number);
    if (!rule) return false;
    this.#nftables.run(`delete rule ${TABLE} ${rule.chain} handle ${rule.handle}`);
    return this.#handles.delete(number);
  }

  /** The packets that each rule has met. */
  count(): { rule: number; packets: number }[] {
    return this.#nftables.runJson(`list table ${TABLE}`).flatMap(({ rule }) => {
      const counter = rule?.expr.find((expression) => expression.counter)?.counter;
      return rule?.comment && counter ? [{ rule: Number(rule.comment), packets: counter.packets }] : [];
    });
  }

  close(): void {
    this.#nftables.close();
  }
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
    text: describeRule(rule, family),
    nft: nftCommand(rule, family),
    iptables: iptablesCommand(rule, family),
  };
}
