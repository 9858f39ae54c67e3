import { endOfSegment } from '../tcp/possibility.ts';
import type { IcmpError, Segment } from '../tcp/segment.ts';
import { sequenceNumber } from '../tcp/sequence.ts';
import type { Dropped } from './events.ts';
import type { SeenInput } from './inputs.ts';

/**
 * The reply of a rule that rejects its own host's packets: it is sent over loopback, so its arrival is not seen
 * (net/ipv4/netfilter/nf_reject_ipv4.c). `text`: the rule, in nft's words.
 */
export function replyOfOwnRule({ atMs, wire, hook }: Dropped, text: string): SeenInput | undefined {
  if (hook === 'in' || wire.kind === 'icmp' || !text.includes('reject')) return undefined;
  const base = { atMs, direction: 'received', maybe: true } as const;
  const { segment } = wire;
  if (!text.endsWith('reject with tcp reset')) return { ...base, icmp: errorFor(segment, text) };
  return segment.flags.includes('R') ? undefined : { ...base, segment: resetFor(segment) };
}

function resetFor(refused: Segment): Segment {
  const { source: destination, destination: source, ack } = refused;
  const numbers =
    ack === null
      ? { flags: 'R.', seq: sequenceNumber(0), ack: endOfSegment(refused) }
      : { flags: 'R', seq: ack, ack: null };
  return { source, destination, window: 0, length: 0, ...numbers };
}

/** By nft's names for them: the types and codes of RFC 792 and RFC 4443. */
const CODES: Readonly<Record<string, readonly [v4: number, v6: number]>> = {
  'port-unreachable': [3, 4],
  'host-unreachable': [1, 3],
  'addr-unreachable': [1, 3],
  'admin-prohibited': [13, 1],
};

function errorFor({ source, destination, seq }: Segment, text: string): IcmpError {
  const name = text.split(' ').at(-1) ?? '';
  const isV6 = text.includes('icmpv6');
  const code = CODES[name]?.[isV6 ? 1 : 0] ?? 0;
  return {
    source: source.address,
    destination: source.address,
    type: isV6 ? 1 : 3,
    code,
    meaning: name.replace('-', ' '),
    quoted: { source, destination, seq },
  };
}
