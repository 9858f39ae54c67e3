import { TcplabError } from '../error.ts';
import type { HostName, TimelineEvent } from '../evidence/events.ts';
import type { NetworkNamespace } from '../kernel/namespace.ts';
import type { Family } from '../tcp/endpoint.ts';
import {
  type Firewall,
  type FirewallKind,
  type FirewallOptions,
  type RuleCount,
  ruleSetEvent,
} from './firewall.ts';
import type { Leg } from './leg.ts';
import { openFirewall } from './open-firewall.ts';
import type { Rule } from './rule.ts';
import type { SharedMachine } from './shared-machine.ts';

interface Options extends Omit<FirewallOptions, 'shared'> {
  name: HostName;
  family: Family;
  kind: FirewallKind;
  namespace: NetworkNamespace;
  shared?: SharedMachine;
  leg?: Leg;
  nowMs: () => number;
  emit: (event: TimelineEvent) => void;
}

/** The rules of one host, and their events on the timeline. */
export class HostRules {
  readonly #options: Options;
  #firewall: Firewall | undefined;
  /** The packets of each rule, as the timeline has them. */
  readonly #reported = new Map<number, number>();

  constructor(options: Options) {
    this.#options = options;
  }

  set(number: number, rule: Rule): void {
    const { name, family, kind, logGroup, namespace, leg, shared = leg, nowMs, emit } = this.#options;
    namespace.enter(() => {
      this.#firewall ??= openFirewall(kind, { family, logGroup, ...(shared ? { shared } : {}) });
      this.#firewall.set(number, rule);
    });
    emit(ruleSetEvent(nowMs(), name, number, rule, family));
  }

  lift(number: number): void {
    const { name: host, namespace, nowMs, emit } = this.#options;
    const met = namespace.enter(() => this.#firewall?.lift(number));
    if (!met) throw new TcplabError('USAGE', `the ${host} has no rule ${number}`);
    this.report([met]);
    emit({ type: 'rule-lifted', atMs: nowMs(), host, rule: number });
  }

  /** The packets that each has met. */
  count(): RuleCount[] {
    const firewall = this.#firewall;
    return firewall ? this.#options.namespace.enter(() => firewall.count()) : [];
  }

  /** Puts counters onto the timeline: those that it does not have. */
  report(counts: RuleCount[]): void {
    const { name: host, nowMs, emit } = this.#options;
    const atMs = nowMs();
    for (const { rule, packets } of counts) {
      if (this.#reported.get(rule) === packets) continue;
      this.#reported.set(rule, packets);
      emit({ type: 'rule-counted', atMs, host, rule, packets });
    }
  }

  close(): void {
    const firewall = this.#firewall;
    if (firewall) this.#options.namespace.enter(() => firewall.close());
  }
}
