import { Nftables } from '../kernel/nftables.ts';
import type { Family } from '../tcp/endpoint.ts';
import type { Firewall, RuleCount } from './firewall.ts';
import { nftRule, type Rule } from './rule.ts';

const TABLE = 'inet tcplab';
const SET_UP = [
  `add table ${TABLE}`,
  `add chain ${TABLE} input { type filter hook input priority filter; }`,
  `add chain ${TABLE} output { type filter hook output priority filter; }`,
].join('\n');

/** A table of nftables, with a chain in and one out. */
export class NftFirewall implements Firewall {
  readonly #nftables = new Nftables();
  readonly #handles = new Map<number, { chain: string; handle: number }>();
  readonly #family: Family;
  readonly #logGroup: number;

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

  lift(number: number): RuleCount | undefined {
    const rule = this.#handles.get(number);
    if (!rule) return undefined;
    const met = this.count().find((count) => count.rule === number);
    this.#nftables.run(`delete rule ${TABLE} ${rule.chain} handle ${rule.handle}`);
    this.#handles.delete(number);
    return met;
  }

  count(): RuleCount[] {
    return this.#nftables.runJson(`list table ${TABLE}`).flatMap(({ rule }) => {
      const counter = rule?.expr.find((expression) => expression.counter)?.counter;
      return rule?.comment && counter ? [{ rule: Number(rule.comment), packets: counter.packets }] : [];
    });
  }

  close(): void {
    this.#nftables.close();
  }
}
