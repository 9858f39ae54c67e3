import type { Family } from '../tcp/endpoint.ts';

/** What becomes of a segment that a rule matches. `drop` says nothing to the sender; the others answer it. */
export const FATES = [
  'drop',
  'reject with RST',
  'reject with port unreachable',
  'reject with host unreachable',
  'reject with administratively prohibited',
] as const;

export type Fate = (typeof FATES)[number];

/** From the first to the last. */
export interface PortRange {
  first: number;
  last: number;
}

/** A packet-filter rule as a value. What is not named matches everything. */
export interface Rule {
  /** `in`: what arrives for this host's sockets. `out`: what they send. */
  hook: 'in' | 'out';
  /** The address of the other host: only what comes from there (`in`) or goes there (`out`). */
  peer?: string;
  sourcePort?: number | PortRange;
  destinationPort?: number | PortRange;
  /** Segments that carry all of these (tcpdump's letters): `S`, `S.`, `F`, `R`. */
  flags?: string;
  fate: Fate;
}

/** What the rule does, in nft's words: `tcp dport 80 drop`. */
export function describeRule(rule: Rule, family: Family): string {
  return [...nftMatches(rule), nftFate(rule.fate, family)].join(' ');
}

/** The command that sets it by hand. */
export function nftCommand(rule: Rule, family: Family): string {
  const chain = rule.hook === 'in' ? 'input' : 'output';
  const text = [...nftMatches(rule), 'counter', nftFate(rule.fate, family)].join(' ');
  // A shell would take the flags' signs for its own.
  return `nft add rule inet ${TABLE} ${chain} ${rule.flags ? `'${text}'` : text}`;
}

/** The name under which a lab sets its rules in a host of its own; on others' machines it has one that is nobody else's. */
export const TABLE = 'tcplab';

/** The rule as tcplab sets it: each segment that it decides on is counted and told under the rule's number. */
export function nftRule(rule: Rule, family: Family, number: number, logGroup: number): string {
  const log = `log prefix "${number}" group ${logGroup} queue-threshold 1`;
  return [...nftMatches(rule), 'counter', log, nftFate(rule.fate, family), `comment "${number}"`].join(' ');
}

/** The same rule for iptables or ip6tables. */
export function iptablesCommand(rule: Rule, family: Family): string {
  const command = family === 'ipv6' ? 'ip6tables' : 'iptables';
  return `${command} -A ${[iptablesChain(rule), ...iptablesMatches(rule), iptablesFate(rule.fate, family)].join(' ')}`;
}

/**
 * And as tcplab sets it with iptables: one rule tells, the next decides and counts. The comment tells two rules of the
 * same words apart.
 */
export function iptablesRules(
  rule: Rule,
  family: Family,
  number: number,
  { logGroup, table = TABLE }: { logGroup: number; table?: string },
): string[] {
  const matches = [iptablesChain(rule), ...iptablesMatches(rule)].join(' ');
  return [
    `${matches} -j NFLOG --nflog-group ${logGroup} --nflog-threshold 1 --nflog-prefix ${number}`,
    `${matches} -m comment --comment "${table} ${number}" ${iptablesFate(rule.fate, family)}`,
  ];
}

function nftMatches({ hook, peer, sourcePort, destinationPort, flags }: Rule): string[] {
  const matches: string[] = [];
  if (peer !== undefined) matches.push(`${ipOf(peer)} ${hook === 'in' ? 'saddr' : 'daddr'} ${peer}`);
  if (sourcePort !== undefined) matches.push(`tcp sport ${ports(sourcePort, '-')}`);
  if (destinationPort !== undefined) matches.push(`tcp dport ${ports(destinationPort, '-')}`);
  if (flags) {
    const names = flagNames(flags).join('|');
    matches.push(`tcp flags & (${names}) == ${names}`);
  }
  return sourcePort === undefined && destinationPort === undefined && !flags
    ? ['meta l4proto tcp', ...matches]
    : matches;
}

/** nft's word for the protocol that an address is of. */
function ipOf(address: string): string {
  return address.includes(':') ? 'ip6' : 'ip';
}

function iptablesChain({ hook }: Rule): string {
  return hook === 'in' ? 'INPUT' : 'OUTPUT';
}

function iptablesMatches({ hook, peer, sourcePort, destinationPort, flags }: Rule): string[] {
  const matches = ['-p tcp'];
  if (peer !== undefined) matches.push(`${hook === 'in' ? '-s' : '-d'} ${peer}`);
  if (sourcePort !== undefined) matches.push(`--sport ${ports(sourcePort, ':')}`);
  if (destinationPort !== undefined) matches.push(`--dport ${ports(destinationPort, ':')}`);
  if (flags) {
    const names = flagNames(flags).join(',').toUpperCase();
    matches.push(`--tcp-flags ${names} ${names}`);
  }
  return matches;
}

function ports(port: number | PortRange, to: string): string {
  return typeof port === 'number' ? String(port) : `${port.first}${to}${port.last}`;
}

const FLAG_NAMES: Record<string, string> = { F: 'fin', S: 'syn', R: 'rst', P: 'psh', '.': 'ack', U: 'urg' };

function flagNames(letters: string): string[] {
  return [...letters].map((letter) => FLAG_NAMES[letter] ?? letter);
}

function nftFate(fate: Fate, family: Family): string {
  const icmp = family === 'ipv6' ? 'icmpv6' : 'icmp';
  switch (fate) {
    case 'drop':
      return 'drop';
    case 'reject with RST':
      return 'reject with tcp reset';
    case 'reject with port unreachable':
      return `reject with ${icmp} type port-unreachable`;
    case 'reject with host unreachable':
      return `reject with ${icmp} type ${family === 'ipv6' ? 'addr-unreachable' : 'host-unreachable'}`;
    case 'reject with administratively prohibited':
      return `reject with ${icmp} type admin-prohibited`;
  }
}

function iptablesFate(fate: Fate, family: Family): string {
  const v6 = family === 'ipv6';
  switch (fate) {
    case 'drop':
      return '-j DROP';
    case 'reject with RST':
      return '-j REJECT --reject-with tcp-reset';
    case 'reject with port unreachable':
      return `-j REJECT --reject-with ${v6 ? 'icmp6' : 'icmp'}-port-unreachable`;
    case 'reject with host unreachable':
      return `-j REJECT --reject-with ${v6 ? 'icmp6-addr-unreachable' : 'icmp-host-unreachable'}`;
    case 'reject with administratively prohibited':
      return `-j REJECT --reject-with ${v6 ? 'icmp6-adm-prohibited' : 'icmp-admin-prohibited'}`;
  }
}
