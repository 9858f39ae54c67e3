import { checksumIsWrong, type IcmpError, type WirePacket } from '../tcp/segment.ts';
import { type SeenSegment, synOptionsOf } from '../tcp/syn-options.ts';

/** What a packet's bytes show beyond the fields of its segment. */

export type SeenPacket = { kind: 'tcp'; segment: SeenSegment } | { kind: 'icmp'; error: IcmpError };

/** A SYN with its options, which hold for the whole connection. */
export function withOptions({ wire, bytes }: { wire: WirePacket; bytes: string }): SeenPacket {
  if (wire.kind !== 'tcp' || !wire.segment.flags.includes('S')) return wire;
  const options = synOptionsOf(Buffer.from(bytes, 'base64'));
  return options ? { kind: 'tcp', segment: { ...wire.segment, options } } : wire;
}

/** A segment with more data than this is not summed up: if it was refused, its receiver does not acknowledge it. */
const MOST_DATA = 64;

/** TCP drops a segment with a wrong checksum (RFC 9293, 3.1). Only a complete capture shows that. */
export function hasWrongChecksum({ wire, bytes }: { wire: WirePacket; bytes: string }): boolean {
  if (wire.kind !== 'tcp' || wire.segment.length > MOST_DATA) return false;
  return checksumIsWrong(Buffer.from(bytes, 'base64'));
}
