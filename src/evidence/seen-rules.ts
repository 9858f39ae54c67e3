import type { HostName } from './host-name.ts';

/** A rule of a packet filter that tcplab has not set, as the kernel lists it, or the policy of a chain that drops. */
export interface SeenRule {
  /** Family, table and chain: `ip filter INPUT`, where iptables keeps its rules. */
  chain: string;
  /** By which the kernel knows it in its table (nft --handle); null for a policy. */
  handle: number | null;
  /** Where in a packet's way the chain is (nft(8): `input`, `output` …); null for one that others jump to. */
  hook: string | null;
  /** In nft's words, without the counter. */
  text: string;
  /** How many packets it has matched, by its own counter; null if it has none, as rules of nft by default. */
  packets: number | null;
  /** Whether a packet that it matches may end there. */
  effect: 'may drop' | 'goes on';
}

/** What others have set in a host's packet filter. Recorded when something in it changed, the counters included. */
export interface RulesSeen {
  type: 'rules-seen';
  /** As of all events. Reading took `tookMs`, up to then. */
  atMs: number;
  host: HostName;
  tookMs: number;
  /** When the reading before began, which found the same as the event before; null for the first one. */
  sameUntilMs: number | null;
  rules: SeenRule[];
  /** What else may be there that can't be read; null if nothing. */
  unread: string | null;
}
