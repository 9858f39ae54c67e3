import type { HostName } from '../evidence/events.ts';
import { SERVER_PORT } from '../lab/addresses.ts';
import type { Fate, Rule } from '../lab/rule.ts';

/** The text of `tcplab explain` and docs/states about a scenario, apart from its title. */
export interface Explanation {
  steps: readonly string[];
  /** The packet-filter rules, in the order in which they are set. A test compares them with those of a run. */
  rules: readonly RuleOn[];
  /** What the other end shows during the hold. */
  peer: string;
  remark: string;
}

interface RuleOn {
  host: HostName;
  rule: Rule;
}

export const HANDSHAKE = 'The server listens, the client connects, and the server accepts.';

export const toServer = (
  host: HostName,
  hook: Rule['hook'],
  fate: Fate = 'drop',
  sourcePort?: number,
): RuleOn => ({
  host,
  rule: { hook, ...(sourcePort && { sourcePort }), destinationPort: SERVER_PORT, fate },
});

export const fromServer = (
  host: HostName,
  hook: Rule['hook'],
  only: Pick<Rule, 'destinationPort'> = {},
): RuleOn => ({
  host,
  rule: { hook, sourcePort: SERVER_PORT, ...only, fate: 'drop' },
});
