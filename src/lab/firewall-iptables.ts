import { Iptables } from '../kernel/iptables.ts';
import type { Family } from '../tcp/endpoint.ts';
import type { Firewall, RuleCount } from './firewall.ts';
import { iptablesRules, type Rule } from './rule.ts';

/** The chains INPUT and OUTPUT of the table `filter`, by the iptables command. */
export class IptablesFirewall implements Firewall {
  readonly #iptables: Iptables;
  readonly #rules = new Map<number, string[]>();
  readonly #family: Family;
  readonly #logGroup: number;

  constructor(family: Family, logGroup: number) {
    this.#family = family;
    this.#logGroup = logGroup;
    this.#iptables = new Iptables(family);
  }

  set(number: number, rule: Rule): void {
    const rules = iptablesRules(rule, this.#family, number, this.#logGroup);
    this.#iptables.change(rules.map((text) => `-A ${text}`));
    this.#rules.set(number, rules);
  }

  lift(number: number): RuleCount | undefined {
    const rules = this.#rules.get(number);
    if (!rules) return undefined;
    const met = this.count().find(({ rule }) => rule === number);
    this.#iptables.change(rules.map((text) => `-D ${text}`));
    this.#rules.delete(number);
    return met;
  }

  /** By the comments: in a held lab a person may have set rules besides. */
  count(): RuleCount[] {
    return this.#iptables.list().flatMap(({ text, packets }) => {
      const number = Number(/--comment "?tcplab (\d+)"?/.exec(text)?.[1]);
      return this.#rules.has(number) ? [{ rule: number, packets }] : [];
    });
  }

  close(): void {}
}
