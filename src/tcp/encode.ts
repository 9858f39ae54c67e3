import { checksum, pseudoHeader } from './checksum.ts';
import { addressBytes } from './endpoint.ts';
import { ICMP, IPV4, IPV6, PROTOCOL, TCP } from './headers.ts';
import { flagBits, type Segment } from './segment.ts';

/** A segment to encode. Default of each field: zero or empty. */
export interface SegmentToEncode extends Omit<Segment, 'length' | 'seq' | 'ack'> {
  seq: number;
  ack: number | null;
  payload?: Uint8Array;
  /** The urgent pointer. */
  urgent?: number;
}

/** A whole IP packet with valid checksums, to be sent from a raw socket. */
export function encodePacket(segment: SegmentToEncode): Buffer {
  const payload = segment.payload ?? new Uint8Array();
  const tcp = Buffer.alloc(TCP.bytes + payload.length);
  tcp.writeUInt16BE(segment.source.port, TCP.sourcePort);
  tcp.writeUInt16BE(segment.destination.port, TCP.destinationPort);
  tcp.writeUInt32BE(segment.seq, TCP.seq);
  tcp.writeUInt32BE(segment.ack ?? 0, TCP.ack);
  tcp.writeUInt8((TCP.bytes / 4) << 4, TCP.dataOffset);
  tcp.writeUInt8(flagBits(segment.flags), TCP.flags);
  tcp.writeUInt16BE(segment.window, TCP.window);
  tcp.writeUInt16BE(segment.urgent ?? 0, TCP.urgent);
  tcp.set(payload, TCP.bytes);
  const source = addressBytes(segment.source.address);
  const destination = addressBytes(segment.destination.address);
  tcp.writeUInt16BE(checksum(pseudoHeader(source, destination, tcp.length), tcp), TCP.checksum);
  return Buffer.concat([ipHeader(source, destination, tcp.length), tcp]);
}

/** An ICMP error to encode. `quoted`: the packet that it is about, from the IP header on. */
export interface IcmpToEncode {
  source: string;
  destination: string;
  type: number;
  code: number;
  quoted: Uint8Array;
}

/** A whole IP packet with valid checksums, to be sent from a raw socket. */
export function encodeIcmp({ source: from, destination: to, type, code, quoted }: IcmpToEncode): Buffer {
  const [source, destination] = [addressBytes(from), addressBytes(to)];
  const error = Buffer.concat([Buffer.alloc(ICMP.bytes), quoted]);
  error.writeUInt8(type, ICMP.type);
  error.writeUInt8(code, ICMP.code);
  const isIpv6 = source.length === 16;
  const protocol = isIpv6 ? PROTOCOL.icmpv6 : PROTOCOL.icmp;
  const covered = isIpv6 ? [pseudoHeader(source, destination, error.length, protocol), error] : [error];
  error.writeUInt16BE(checksum(...covered), ICMP.checksum);
  return Buffer.concat([ipHeader(source, destination, error.length, protocol), error]);
}

const [HOPS, DONT_FRAGMENT] = [64, 0x4000];

function ipHeader(
  source: Uint8Array,
  destination: Uint8Array,
  length: number,
  protocol: number = PROTOCOL.tcp,
): Buffer {
  if (source.length === 16) {
    const header = Buffer.alloc(IPV6.bytes);
    header.writeUInt8(6 << 4, 0);
    header.writeUInt16BE(length, IPV6.payloadLength);
    header.writeUInt8(protocol, IPV6.nextHeader);
    header.writeUInt8(HOPS, IPV6.hopLimit);
    header.set(source, IPV6.source);
    header.set(destination, IPV6.destination);
    return header;
  }
  const header = Buffer.alloc(IPV4.bytes);
  header.writeUInt8((4 << 4) | (IPV4.bytes / 4), 0);
  header.writeUInt16BE(IPV4.bytes + length, IPV4.totalLength);
  header.writeUInt16BE(DONT_FRAGMENT, IPV4.flags);
  header.writeUInt8(HOPS, IPV4.timeToLive);
  header.writeUInt8(protocol, IPV4.protocol);
  header.set(source, IPV4.source);
  header.set(destination, IPV4.destination);
  header.writeUInt16BE(checksum(header), IPV4.checksum);
  return header;
}
