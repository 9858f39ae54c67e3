import { Nftables } from '../kernel/nftables.ts';
import type { Firewall, FirewallOptions, RuleCount } from './firewall.ts';
import { nftRule, type Rule, TABLE } from './rule.ts';
import { removalOf } from './undo.ts';

/** A table of nftables, with a chain in and one out. */
export class NftFirewall implements Firewall {
  readonly #nftables = new Nftables();
  readonly #handles = new Map<number, { chain: string; handle: number }>();
  readonly #options: FirewallOptions;
  readonly #table: string;
  /** Goes before the first rule. */
  #setUp: string;

  constructor(options: FirewallOptions) {
    this.#options = options;
    const { shared } = options;
    this.#table = `inet ${shared?.table ?? TABLE}`;
    shared?.keep({ what: 'nft-table', table: this.#table });
    this.#setUp = setUp(this.#table);
  }

  set(number: number, rule: Rule): void {
    const { family, logGroup } = this.#options;
    const chain = rule.hook === 'in' ? 'input' : 'output';
    const text = nftRule(rule, family, number, logGroup);
    const echoed = this.#nftables.runJson(`${this.#setUp}add rule ${this.#table} ${chain} ${text}`);
    this.#setUp = '';
    const handle = echoed.find(({ add }) => add?.rule)?.add?.rule?.handle;
    if (handle === undefined) throw new Error(`nftables did not echo rule ${number}`);
    this.#handles.set(number, { chain, handle });
  }

  lift(number: number): RuleCount | undefined {
    const rule = this.#handles.get(number);
    if (!rule) return undefined;
    const met = this.count().find((count) => count.rule === number);
    this.#nftables.run(`delete rule ${this.#table} ${rule.chain} handle ${rule.handle}`);
    this.#handles.delete(number);
    return met;
  }

  count(): RuleCount[] {
    if (this.#setUp) return [];
    return this.#nftables.runJson(`list table ${this.#table}`).flatMap(({ rule }) => {
      const counter = rule?.expr.find((expression) => expression.counter)?.counter;
      return rule?.comment && counter ? [{ rule: Number(rule.comment), packets: counter.packets }] : [];
    });
  }

  /** Another process may have flushed the machine's ruleset. */
  close(): void {
    if (this.#options.shared) this.#nftables.run(removalOf(this.#table));
    this.#nftables.close();
  }
}

function setUp(table: string): string {
  return [
    `add table ${table}`,
    `add chain ${table} input { type filter hook input priority filter; }`,
    `add chain ${table} output { type filter hook output priority filter; }`,
    '',
  ].join('\n');
}
