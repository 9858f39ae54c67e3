import type { HostName } from '../../evidence/events.ts';
import type { Rule } from '../../lab/rule.ts';
import type { TcpSysctls } from '../../tcp/sysctls.ts';

/** A paragraph, a command and what it shows or does, or a list. */
export type Block = string | { run: string; does: string } | { points: readonly string[] };

/** What there is to say of a state beyond its arcs. */
export interface StateExplanation {
  what: readonly Block[];
  /** When it ends on a machine with these settings. */
  end(sysctls: TcpSysctls): readonly Block[];
  /** What it means that a machine has many. */
  many: readonly Block[];
  remedy: readonly Block[];
  mistakes: readonly string[];
}

/** What there is to say of a scenario beyond its title. */
export interface ScenarioExplanation {
  steps: readonly string[];
  /** The packet-filter rules, in the order in which they are set. */
  rules: readonly { host: HostName; rule: Rule }[];
  /** How it looks from the other end. */
  peer: string;
  /** What is worth knowing of this one. */
  remark: string;
}
