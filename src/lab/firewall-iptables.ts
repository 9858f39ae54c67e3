import { Iptables } from '../kernel/iptables.ts';
import type { Firewall, FirewallOptions, RuleCount } from './firewall.ts';
import { iptablesRules, type Rule, TABLE } from './rule.ts';
import { isSameRule } from './undo.ts';

/** The chains INPUT and OUTPUT of the table `filter`, by the iptables command. */
export class IptablesFirewall implements Firewall {
  readonly #iptables: Iptables;
  readonly #rules = new Map<number, string[]>();
  readonly #options: FirewallOptions;
  readonly #table: string;

  constructor(options: FirewallOptions) {
    this.#options = options;
    this.#table = options.shared?.table ?? TABLE;
    this.#iptables = new Iptables(options.family);
  }

  /** On a shared machine, before other owners' rules, which could accept what this rule must drop. */
  set(number: number, rule: Rule): void {
    const { family, logGroup, shared } = this.#options;
    const rules = iptablesRules(rule, family, number, { logGroup, table: this.#table });
    for (const text of rules) shared?.keep({ what: 'iptables-rule', family, rule: text });
    this.#iptables.change(
      shared ? rules.toReversed().map((text) => `-I ${text}`) : rules.map((text) => `-A ${text}`),
    );
    this.#rules.set(number, rules);
  }

  lift(number: number): RuleCount | undefined {
    const rules = this.#rules.get(number);
    if (!rules) return undefined;
    const met = this.count().find(({ rule }) => rule === number);
    this.#remove(rules);
    this.#rules.delete(number);
    return met;
  }

  /** Recognizes tcplab's rules by their comments: in a held lab the user may have set more. */
  count(): RuleCount[] {
    const comment = new RegExp(`--comment "?${this.#table} (\\d+)"?`);
    return this.#iptables.list().flatMap(({ text, packets }) => {
      const number = Number(comment.exec(text)?.[1]);
      return this.#rules.has(number) ? [{ rule: number, packets }] : [];
    });
  }

  /** Another process may have removed some of them, or flushed a chain. */
  close(): void {
    if (!this.#options.shared) return;
    const rules = [...this.#rules.values()].flat();
    try {
      this.#remove(rules);
    } catch {
      // iptables-restore is all or nothing, and one rule is missing: so one at a time.
      for (const rule of rules) this.#removeIfThere(rule);
    }
    this.#rules.clear();
  }

  #removeIfThere(rule: string): void {
    try {
      this.#remove([rule]);
    } catch (error) {
      if (this.#iptables.list().some(({ text }) => isSameRule(rule, text))) throw error;
    }
  }

  #remove(rules: readonly string[]): void {
    this.#iptables.change(rules.map((text) => `-D ${text}`));
  }
}
