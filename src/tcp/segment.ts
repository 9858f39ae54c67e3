import { addressBytes, addressText, type Endpoint, endpointOf } from './endpoint.ts';
import { type SequenceNumber, sequenceNumber } from './sequence.ts';

/** A TCP segment as it stood on the wire (RFC 9293, 3.1), with the addresses of its IP header. */
export interface Segment {
  source: Endpoint;
  destination: Endpoint;
  /** Absolute. */
  seq: SequenceNumber;
  /** Acknowledgment number; null without the ACK flag. */
  ack: SequenceNumber | null;
  /** tcpdump's letters: `S` SYN, `.` ACK, `F` FIN, `R` RST, `P` PSH, `U` URG, `E` ECE, `W` CWR; `none` without any. */
  flags: string;
  /** As on the wire: the window scale is not applied. */
  window: number;
  /** Payload, in bytes. */
  length: number;
}

/** An ICMP error that quotes a segment, which did not arrive (RFC 792, RFC 4443). */
export interface IcmpError {
  /** The host that sent the error. */
  source: string;
  destination: string;
  type: number;
  code: number;
  /** What the type and code mean: `port unreachable`. */
  meaning: string;
  /** From the quoted segment: its ends and its sequence number. */
  quoted: { source: Endpoint; destination: Endpoint; seq: SequenceNumber };
}

export type WirePacket = { kind: 'tcp'; segment: Segment } | { kind: 'icmp'; error: IcmpError };

const FLAG_LETTERS: readonly [mask: number, letter: string][] = [
  [0x01, 'F'],
  [0x02, 'S'],
  [0x04, 'R'],
  [0x08, 'P'],
  [0x10, '.'],
  [0x20, 'U'],
  [0x40, 'E'],
  [0x80, 'W'],
];

/** Reads a packet that starts with its IP header. Undefined for whatever is neither TCP nor an ICMP error about TCP. */
export function decodePacket(packet: Uint8Array): WirePacket | undefined {
  const bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength);
  const ip = decodeIp(bytes);
  if (!ip) return undefined;
  const body = bytes.subarray(ip.headerLength);
  if (ip.protocol === TCP) {
    const segment = decodeTcp(body, ip);
    return segment && { kind: 'tcp', segment };
  }
  const error = ip.protocol === ICMP || ip.protocol === ICMPV6 ? decodeIcmp(body, ip) : undefined;
  return error && { kind: 'icmp', error };
}

/** A segment to encode. Default of each field: zero or empty. */
export interface SegmentToEncode extends Omit<Segment, 'length' | 'seq' | 'ack'> {
  seq: number;
  ack: number | null;
  payload?: Uint8Array;
}

/** A whole IP packet with valid checksums, to be sent from a raw socket. */
export function encodePacket(segment: SegmentToEncode): Buffer {
  const payload = segment.payload ?? new Uint8Array();
  const tcp = Buffer.alloc(20 + payload.length);
  tcp.writeUInt16BE(segment.source.port, 0);
  tcp.writeUInt16BE(segment.destination.port, 2);
  tcp.writeUInt32BE(segment.seq, 4);
  tcp.writeUInt32BE(segment.ack ?? 0, 8);
  tcp.writeUInt8(0x50, 12);
  tcp.writeUInt8(flagBits(segment.flags), 13);
  tcp.writeUInt16BE(segment.window, 14);
  tcp.set(payload, 20);
  const source = addressBytes(segment.source.address);
  const destination = addressBytes(segment.destination.address);
  tcp.writeUInt16BE(checksum(pseudoHeader(source, destination, TCP, tcp.length), tcp), 16);
  return Buffer.concat([ipHeader(source, destination, tcp.length), tcp]);
}

/** Whether a packet's own checksums hold: the IPv4 header's and TCP's. */
export function checksumsHold(packet: Uint8Array): boolean {
  const bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength);
  const ip = decodeIp(bytes);
  if (ip?.protocol !== TCP) return false;
  const header = bytes.subarray(0, ip.headerLength);
  if (header.readUInt8(0) >> 4 === 4 && checksum(header) !== 0) return false;
  const body = bytes.subarray(ip.headerLength, ip.totalLength);
  return checksum(pseudoHeader(ip.source, ip.destination, TCP, body.length), body) === 0;
}

/**
 * Whether TCP's checksum can't be right: the packet is whole, and it is neither the checksum nor the sum of the pseudo header, which
 * is there until a NIC or a tunnel completes it.
 */
export function checksumIsWrong(packet: Buffer): boolean {
  const ip = decodeIp(packet);
  if (ip?.protocol !== TCP || ip.totalLength !== packet.length) return false;
  const body = packet.subarray(ip.headerLength);
  if (body.length < 20) return false;
  const pseudo = pseudoHeader(ip.source, ip.destination, TCP, body.length);
  return checksum(pseudo, body) !== 0 && body.readUInt16BE(16) !== (~checksum(pseudo) & 0xffff);
}

/**
 * The packet with its TCP checksum as it will be on the wire. Before a packet leaves, the kernel has only the pseudo
 * header's sum in there. Returns the packet unchanged if it is not TCP, or truncated.
 */
export function completeChecksum(packet: Buffer): Buffer {
  const ip = decodeIp(packet);
  if (ip?.protocol !== TCP || ip.totalLength !== packet.length) return packet;
  const complete = Buffer.from(packet);
  const body = complete.subarray(ip.headerLength);
  if (body.length < 20) return packet;
  body.writeUInt16BE(0, 16);
  body.writeUInt16BE(checksum(pseudoHeader(ip.source, ip.destination, TCP, body.length), body), 16);
  return complete;
}

/**
 * What stays of a packet from where it is sent to where it arrives, as text: all but what routers change (RFC 1812: TTL, type
 * of service, the header's checksum), and TCP's checksum, which is filled in late.
 */
export function identityOf(packet: Buffer): string {
  const ip = decodeIp(packet);
  if (!ip) return packet.toString('latin1');
  const same = Buffer.from(packet);
  if (ip.source.length === 4) {
    same.fill(0, 1, 2).fill(0, 8, 9).fill(0, 10, 12);
  } else {
    same.writeUInt32BE(0x60000000, 0);
    same.fill(0, 7, 8);
  }
  if (ip.protocol === TCP) same.fill(0, ip.headerLength + 16, ip.headerLength + 18);
  return same.toString('latin1');
}

/**
 * The IP header of a packet and what TCP or ICMP put in front of their data; undefined for other protocols, and for what is cut
 * before that. An ICMP error quotes the headers of the packet that it is about.
 */
export function headersOf(packet: Buffer): Buffer | undefined {
  const ip = decodeIp(packet);
  if (!ip) return undefined;
  const body = packet.subarray(ip.headerLength);
  const isWhole = (length: number) => body.length >= length && ip.totalLength >= ip.headerLength + length;
  if (ip.protocol === TCP) {
    if (!isWhole(20)) return undefined;
    const length = (body.readUInt8(12) >> 4) * 4;
    return length >= 20 && isWhole(length) ? packet.subarray(0, ip.headerLength + length) : undefined;
  }
  const quoted = ip.protocol === ICMP || ip.protocol === ICMPV6 ? decodeIp(body.subarray(8)) : undefined;
  // An ICMP error quotes at least the IP header and 8 bytes of the packet (RFC 792).
  return quoted && packet.subarray(0, ip.headerLength + 8 + quoted.headerLength + 8);
}

/** A packet's length in bytes by its IP header; 0 if it has none. */
export function packetLength(packet: Buffer): number {
  return decodeIp(packet)?.totalLength ?? 0;
}

export function flagBits(letters: string): number {
  return FLAG_LETTERS.reduce((bits, [mask, letter]) => (letters.includes(letter) ? bits | mask : bits), 0);
}

const LETTERS: string[] = [];

function flagLetters(bits: number): string {
  LETTERS[bits] ??= FLAG_LETTERS.map(([mask, letter]) => (bits & mask ? letter : '')).join('') || 'none';
  return LETTERS[bits];
}

const ICMP = 1;
const TCP = 6;
const ICMPV6 = 58;

interface IpHeader {
  source: Buffer;
  destination: Buffer;
  protocol: number;
  headerLength: number;
  /** Of header and payload, in bytes, by the header (a capture may hold fewer). */
  totalLength: number;
}

function decodeIp(bytes: Buffer): IpHeader | undefined {
  if (bytes.length >= 20 && bytes.readUInt8(0) >> 4 === 4) {
    return {
      source: bytes.subarray(12, 16),
      destination: bytes.subarray(16, 20),
      protocol: bytes.readUInt8(9),
      headerLength: (bytes.readUInt8(0) & 0x0f) * 4,
      totalLength: bytes.readUInt16BE(2),
    };
  }
  // Extension headers do not occur between two hosts on one wire.
  if (bytes.length >= 40 && bytes.readUInt8(0) >> 4 === 6) {
    return {
      source: bytes.subarray(8, 24),
      destination: bytes.subarray(24, 40),
      protocol: bytes.readUInt8(6),
      headerLength: 40,
      totalLength: 40 + bytes.readUInt16BE(4),
    };
  }
  return undefined;
}

function decodeTcp(body: Buffer, ip: IpHeader): Segment | undefined {
  if (body.length < 20) return undefined;
  const bits = body.readUInt8(13);
  const headerLength = (body.readUInt8(12) >> 4) * 4;
  const length = ip.totalLength - ip.headerLength - headerLength;
  if (headerLength < 20 || length < 0) return undefined;
  return {
    source: endpointOf(ip.source, body.readUInt16BE(0)),
    destination: endpointOf(ip.destination, body.readUInt16BE(2)),
    seq: sequenceNumber(body.readUInt32BE(4)),
    ack: bits & 0x10 ? sequenceNumber(body.readUInt32BE(8)) : null,
    flags: flagLetters(bits),
    window: body.readUInt16BE(14),
    length,
  };
}

const UNREACHABLE_V4: Record<number, string> = {
  0: 'network unreachable',
  1: 'host unreachable',
  2: 'protocol unreachable',
  3: 'port unreachable',
  9: 'network administratively prohibited',
  10: 'host administratively prohibited',
  13: 'administratively prohibited',
};
const UNREACHABLE_V6: Record<number, string> = {
  0: 'no route to destination',
  1: 'administratively prohibited',
  3: 'host unreachable',
  4: 'port unreachable',
};

/** Only destination unreachable: type 3 (RFC 792), for IPv6 type 1 (RFC 4443). */
function decodeIcmp(body: Buffer, ip: IpHeader): IcmpError | undefined {
  const type = body.length >= 8 ? body.readUInt8(0) : -1;
  if (type !== (ip.protocol === ICMP ? 3 : 1)) return undefined;
  const inner = decodeIp(body.subarray(8));
  if (inner?.protocol !== TCP) return undefined;
  const quoted = body.subarray(8 + inner.headerLength);
  if (quoted.length < 8) return undefined;
  const code = body.readUInt8(1);
  const meanings = ip.protocol === ICMP ? UNREACHABLE_V4 : UNREACHABLE_V6;
  return {
    source: addressText(ip.source),
    destination: addressText(ip.destination),
    type,
    code,
    meaning: meanings[code] ?? `unreachable (code ${code})`,
    quoted: {
      source: { address: addressText(inner.source), port: quoted.readUInt16BE(0) },
      destination: { address: addressText(inner.destination), port: quoted.readUInt16BE(2) },
      seq: sequenceNumber(quoted.readUInt32BE(4)),
    },
  };
}

function ipHeader(source: Buffer, destination: Buffer, length: number): Buffer {
  if (source.length === 16) {
    const header = Buffer.alloc(40);
    header.writeUInt8(0x60, 0);
    header.writeUInt16BE(length, 4);
    header.writeUInt8(TCP, 6);
    header.writeUInt8(64, 7);
    header.set(source, 8);
    header.set(destination, 24);
    return header;
  }
  const header = Buffer.alloc(20);
  header.writeUInt8(0x45, 0);
  header.writeUInt16BE(20 + length, 2);
  header.writeUInt16BE(0x4000, 6);
  header.writeUInt8(64, 8);
  header.writeUInt8(TCP, 9);
  header.set(source, 12);
  header.set(destination, 16);
  header.writeUInt16BE(checksum(header), 10);
  return header;
}

function pseudoHeader(source: Buffer, destination: Buffer, protocol: number, length: number): Buffer {
  const rest = Buffer.alloc(source.length === 16 ? 8 : 4);
  if (rest.length === 8) {
    rest.writeUInt32BE(length, 0);
    rest.writeUInt8(protocol, 7);
  } else {
    rest.writeUInt8(protocol, 1);
    rest.writeUInt16BE(length, 2);
  }
  return Buffer.concat([source, destination, rest]);
}

/** The Internet checksum (RFC 1071) of the parts, one after the other; each but the last has an even length. */
function checksum(...parts: Buffer[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let index = 0; index + 1 < part.length; index += 2) sum += part.readUInt16BE(index);
    if (part.length % 2) sum += part.readUInt8(part.length - 1) << 8;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
