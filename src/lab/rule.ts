import type { Family } from '../tcp/endpoint.ts';
import type { Fate } from './fate.ts';

export { FATES, type Fate } from './fate.ts';

/** From the first to the last. */
export interface Span {
  first: number;
  last: number;
}

/** The ECN field of the IP header (RFC 3168, 5), as nft names its values. */
export const ECN_FIELDS = ['not-ect', 'ect1', 'ect0', 'ce'] as const;
export type EcnField = (typeof ECN_FIELDS)[number];

/** What connection tracking has of a segment (nft(8), ct state). It begins with the first rule that asks for it. */
export const TRACKED_STATES = ['new', 'established', 'related', 'invalid', 'untracked'] as const;
export type TrackedState = (typeof TRACKED_STATES)[number];

/** A packet-filter rule as a value. An absent field matches every packet. */
export interface Rule {
  /** `in`: packets to the host's sockets. `out`: packets from them. */
  hook: 'in' | 'out';
  /** The address of the other host: matches only packets from it (`in`) or to it (`out`). */
  peer?: string;
  sourcePort?: number | Span;
  destinationPort?: number | Span;
  /** Segments that carry all of these (tcpdump's letters): `S`, `S.`, `F`, `R`; `E` for ECE, `W` for CWR. */
  flags?: string;
  /** The length of the whole packet in bytes, with the headers of IP and TCP. */
  length?: number | Span;
  /** The window field as it is on the wire: not scaled. */
  window?: number | Span;
  ecn?: EcnField;
  tracked?: TrackedState;
  fate: Fate;
}

/** What the rule does, in nft's words: `tcp dport 80 drop`. */
export function describeRule(rule: Rule, family: Family): string {
  return [...nftMatches(rule, family), nftFate(rule.fate, family)].join(' ');
}

/** The nft command that adds the rule. */
export function nftCommand(rule: Rule, family: Family): string {
  const chain = rule.hook === 'in' ? 'input' : 'output';
  const text = [...nftMatches(rule, family), 'counter', nftFate(rule.fate, family)].join(' ');
  // A shell would take the flags' signs for its own.
  return `nft add rule inet ${TABLE} ${chain} ${rule.flags ? `'${text}'` : text}`;
}

/** The table name of a lab's rules in its own host; on a shared machine the name is unique. */
export const TABLE = 'tcplab';

/** The rule as tcplab sets it: it counts each segment that it decides on, and logs it with the rule's number. */
export function nftRule(rule: Rule, family: Family, number: number, logGroup: number): string {
  const log = `log prefix "${number}" group ${logGroup} queue-threshold 1`;
  return [
    ...nftMatches(rule, family),
    'counter',
    log,
    nftFate(rule.fate, family),
    `comment "${number}"`,
  ].join(' ');
}

/** The same rule for iptables or ip6tables. */
export function iptablesCommand(rule: Rule, family: Family): string {
  const command = family === 'ipv6' ? 'ip6tables' : 'iptables';
  return `${command} -A ${[iptablesChain(rule), ...iptablesMatches(rule, family), iptablesFate(rule.fate, family)].join(' ')}`;
}

/**
 * The same with iptables: one rule logs, the next decides and counts. The comment distinguishes two rules of the
 * same text.
 */
export function iptablesRules(
  rule: Rule,
  family: Family,
  number: number,
  { logGroup, table = TABLE }: { logGroup: number; table?: string },
): string[] {
  const matches = [iptablesChain(rule), ...iptablesMatches(rule, family)].join(' ');
  return [
    `${matches} -j NFLOG --nflog-group ${logGroup} --nflog-threshold 1 --nflog-prefix ${number}`,
    `${matches} -m comment --comment "${table} ${number}" ${iptablesFate(rule.fate, family)}`,
  ];
}

function nftMatches(rule: Rule, family: Family): string[] {
  const { hook, peer, sourcePort, destinationPort, flags, length, window, ecn, tracked } = rule;
  const matches: string[] = [];
  if (peer !== undefined) matches.push(`${ipOf(peer)} ${hook === 'in' ? 'saddr' : 'daddr'} ${peer}`);
  if (sourcePort !== undefined) matches.push(`tcp sport ${span(sourcePort, '-')}`);
  if (destinationPort !== undefined) matches.push(`tcp dport ${span(destinationPort, '-')}`);
  if (flags) {
    const names = namesOf(flags, NFT_FLAGS).join('|');
    matches.push(`tcp flags & (${names}) == ${names}`);
  }
  if (window !== undefined) matches.push(`tcp window ${span(window, '-')}`);
  const isOfTcp = matches.some((match) => match.startsWith('tcp '));
  if (length !== undefined) matches.push(`meta length ${span(length, '-')}`);
  if (ecn !== undefined) matches.push(`${family === 'ipv6' ? 'ip6' : 'ip'} ecn ${ecn}`);
  if (tracked !== undefined) matches.push(`ct state ${tracked}`);
  return isOfTcp ? matches : ['meta l4proto tcp', ...matches];
}

/** nft's word for the protocol that an address is of. */
function ipOf(address: string): string {
  return address.includes(':') ? 'ip6' : 'ip';
}

function iptablesChain({ hook }: Rule): string {
  return hook === 'in' ? 'INPUT' : 'OUTPUT';
}

function iptablesMatches(rule: Rule, family: Family): string[] {
  const { hook, peer, sourcePort, destinationPort, flags = '', length, window, ecn, tracked } = rule;
  const matches = ['-p tcp'];
  if (peer !== undefined) matches.push(`${hook === 'in' ? '-s' : '-d'} ${peer}`);
  if (sourcePort !== undefined) matches.push(`--sport ${span(sourcePort, ':')}`);
  if (destinationPort !== undefined) matches.push(`--dport ${span(destinationPort, ':')}`);
  const names = namesOf(flags, IPTABLES_FLAGS).join(',');
  if (names) matches.push(`--tcp-flags ${names} ${names}`);
  // Its `tcp` match has other flags than ECE and CWR.
  const bits = namesOf(flags, { E: '--ecn-tcp-ece', W: '--ecn-tcp-cwr' });
  if (ecn !== undefined) bits.push(`--ecn-ip-ect ${ECN_FIELDS.indexOf(ecn)}`);
  if (bits.length > 0) matches.push('-m ecn', ...bits);
  if (window !== undefined) matches.push(`-m u32 --u32 "${WINDOW_WORD[family]}&0xffff=${hexSpan(window)}"`);
  if (length !== undefined) matches.push(`-m length --length ${span(length, ':')}`);
  if (tracked !== undefined) matches.push(`-m conntrack --ctstate ${tracked.toUpperCase()}`);
  return matches;
}

/**
 * Where iptables' u32 finds the 32 bits that end with the window: 12 bytes into the TCP header, which follows the IPv4
 * header (its length is in the first byte) or an IPv6 header without extensions. In the words of iptables-save(8).
 */
const WINDOW_WORD: Readonly<Record<Family, string>> = { ipv4: '0x0>>0x16&0x3c@0xc', ipv6: '0x34' };

function span(value: number | Span, to: string): string {
  return typeof value === 'number' ? String(value) : `${value.first}${to}${value.last}`;
}

function hexSpan(value: number | Span): string {
  const hex = (number: number) => `0x${number.toString(16)}`;
  return typeof value === 'number' ? hex(value) : `${hex(value.first)}:${hex(value.last)}`;
}

const IPTABLES_FLAGS: Record<string, string> = {
  F: 'FIN',
  S: 'SYN',
  R: 'RST',
  P: 'PSH',
  '.': 'ACK',
  U: 'URG',
};
const NFT_FLAGS: Record<string, string> = {
  ...Object.fromEntries(Object.entries(IPTABLES_FLAGS).map(([letter, name]) => [letter, name.toLowerCase()])),
  E: 'ecn',
  W: 'cwr',
};

/** The names of those letters that have one. */
function namesOf(letters: string, names: Record<string, string>): string[] {
  return [...letters].flatMap((letter) => names[letter] ?? []);
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
