import { checksum, pseudoHeader } from './checksum.ts';
import { addressText, type Endpoint, endpointOf } from './endpoint.ts';
import { EXTENSION, ICMP, IPV4, IPV6, PROTOCOL, TCP, TUNNEL_PORTS } from './headers.ts';
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

/**
 * Reads a packet that starts with its IP header. Undefined for whatever is neither TCP nor an ICMP error about TCP, and for
 * fragments without the TCP header. `wireBytes`: its length on the wire, for a header that leaves it out (RFC 2675, 3; TSO).
 */
export function decodePacket(packet: Uint8Array, wireBytes?: number): WirePacket | undefined {
  const bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength);
  const ip = decodeIp(bytes, wireBytes);
  if (!ip) return undefined;
  const body = bytes.subarray(ip.headerLength);
  if (ip.protocol === PROTOCOL.tcp) {
    const segment = decodeTcp(body, ip);
    return segment && { kind: 'tcp', segment };
  }
  const error = isIcmp(ip) ? decodeIcmp(body, ip) : undefined;
  return error && { kind: 'icmp', error };
}

/** Whether a packet's own checksums hold: the IPv4 header's and TCP's. */
export function checksumsHold(packet: Uint8Array): boolean {
  const bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength);
  const ip = decodeIp(bytes);
  if (ip?.protocol !== PROTOCOL.tcp) return false;
  const header = bytes.subarray(0, ip.headerLength);
  if (versionOf(header) === 4 && checksum(header) !== 0) return false;
  const body = bytes.subarray(ip.headerLength, ip.totalLength);
  return checksum(pseudoHeader(ip.source, ip.destination, body.length), body) === 0;
}

/**
 * Whether TCP's checksum can't be right: the packet is whole, and it is neither the checksum nor the sum of the pseudo header, which
 * is there until a NIC or a tunnel completes it.
 */
export function checksumIsWrong(packet: Buffer): boolean {
  const ip = decodeIp(packet);
  if (ip?.protocol !== PROTOCOL.tcp || ip.totalLength !== packet.length) return false;
  const body = packet.subarray(ip.headerLength);
  if (body.length < TCP.bytes) return false;
  const pseudo = pseudoHeader(ip.source, ip.destination, body.length);
  return checksum(pseudo, body) !== 0 && body.readUInt16BE(TCP.checksum) !== (~checksum(pseudo) & 0xffff);
}

/**
 * The packet with its TCP checksum as it will be on the wire. Before a packet leaves, the kernel has only the pseudo
 * header's sum in there. Returns the packet unchanged if it is not TCP, or truncated.
 */
export function completeChecksum(packet: Buffer): Buffer {
  const ip = decodeIp(packet);
  if (ip?.protocol !== PROTOCOL.tcp || ip.totalLength !== packet.length) return packet;
  const complete = Buffer.from(packet);
  const body = complete.subarray(ip.headerLength);
  if (body.length < TCP.bytes) return packet;
  body.writeUInt16BE(0, TCP.checksum);
  body.writeUInt16BE(checksum(pseudoHeader(ip.source, ip.destination, body.length), body), TCP.checksum);
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
    for (const at of [IPV4.typeOfService, IPV4.timeToLive]) same.writeUInt8(0, at);
    same.writeUInt16BE(0, IPV4.checksum);
  } else {
    same.writeUInt32BE(0x60000000, 0);
    same.writeUInt8(0, IPV6.hopLimit);
  }
  if (ip.protocol === PROTOCOL.tcp)
    same.fill(0, ip.headerLength + TCP.checksum, ip.headerLength + TCP.checksum + 2);
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
  if (ip.protocol === PROTOCOL.tcp) {
    if (!isWhole(TCP.bytes)) return undefined;
    const length = tcpHeaderLength(body);
    return length >= TCP.bytes && isWhole(length) ? packet.subarray(0, ip.headerLength + length) : undefined;
  }
  const quoted = isIcmp(ip) ? decodeIp(body.subarray(ICMP.bytes)) : undefined;
  return quoted && packet.subarray(0, ip.headerLength + ICMP.bytes + quoted.headerLength + ICMP.leastQuoted);
}

/** What a packet holds that `decodePacket` does not read: TCP whose header is cut, or a tunnel; undefined for all else. */
export function unreadKind(packet: Buffer): 'cut' | 'tunnel' | undefined {
  const ip = decodeIp(packet);
  if (!ip) return undefined;
  const { protocol, headerLength } = ip;
  if (protocol === PROTOCOL.tcp) return 'cut';
  if (protocol === PROTOCOL.udp)
    return packet.length >= headerLength + 4 && TUNNEL_PORTS.includes(packet.readUInt16BE(headerLength + 2))
      ? 'tunnel'
      : undefined;
  return ([PROTOCOL.ipv4, PROTOCOL.ipv6, PROTOCOL.gre] as number[]).includes(protocol) ? 'tunnel' : undefined;
}

/** The options of a packet's TCP header; undefined where that is not whole. */
export function tcpOptionsOf(packet: Buffer): Buffer | undefined {
  const ip = decodeIp(packet);
  const tcp = ip && packet.subarray(ip.headerLength);
  if (!tcp || tcp.length < TCP.bytes) return undefined;
  const end = tcpHeaderLength(tcp);
  return end >= TCP.bytes && tcp.length >= end ? tcp.subarray(TCP.bytes, end) : undefined;
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

interface IpHeader {
  source: Buffer;
  destination: Buffer;
  protocol: number;
  headerLength: number;
  /** Of header and payload, in bytes, by the header (a capture may hold fewer). */
  totalLength: number;
}

function versionOf(packet: Buffer): number {
  return packet.readUInt8(0) >> 4;
}

function isIcmp({ protocol }: IpHeader): boolean {
  return protocol === PROTOCOL.icmp || protocol === PROTOCOL.icmpv6;
}

/** With its options. */
function tcpHeaderLength(tcp: Buffer): number {
  return (tcp.readUInt8(TCP.dataOffset) >> 4) * 4;
}

const FRAGMENT_OFFSET = 0x1fff;

function decodeIp(bytes: Buffer, wireBytes?: number): IpHeader | undefined {
  if (bytes.length >= IPV4.bytes && versionOf(bytes) === 4) {
    if (bytes.readUInt16BE(IPV4.flags) & FRAGMENT_OFFSET) return undefined;
    const headerLength = (bytes.readUInt8(0) & 0x0f) * 4;
    if (headerLength < IPV4.bytes) return undefined;
    return {
      source: bytes.subarray(IPV4.source, IPV4.source + 4),
      destination: bytes.subarray(IPV4.destination, IPV4.destination + 4),
      protocol: bytes.readUInt8(IPV4.protocol),
      headerLength,
      totalLength: bytes.readUInt16BE(IPV4.totalLength) || (wireBytes ?? 0),
    };
  }
  if (bytes.length < IPV6.bytes || versionOf(bytes) !== 6) return undefined;
  const payload = upperLayerOf(bytes);
  const payloadLength = bytes.readUInt16BE(IPV6.payloadLength);
  return (
    payload && {
      source: bytes.subarray(IPV6.source, IPV6.source + 16),
      destination: bytes.subarray(IPV6.destination, IPV6.destination + 16),
      ...payload,
      totalLength: payloadLength || wireBytes === undefined ? IPV6.bytes + payloadLength : wireBytes,
    }
  );
}

/** What comes behind the extension headers of IPv6, and where; undefined where they are cut, or for a later fragment. */
function upperLayerOf(bytes: Buffer): Pick<IpHeader, 'protocol' | 'headerLength'> | undefined {
  const extensions: readonly number[] = Object.values(EXTENSION);
  let [protocol, headerLength] = [bytes.readUInt8(IPV6.nextHeader), IPV6.bytes as number];
  while (extensions.includes(protocol)) {
    if (headerLength + 8 > bytes.length) return undefined;
    const size = bytes.readUInt8(headerLength + 1);
    if (protocol === EXTENSION.fragment && bytes.readUInt16BE(headerLength + 2) >> 3 > 0) return undefined;
    const next = bytes.readUInt8(headerLength);
    if (protocol === EXTENSION.fragment) headerLength += 8;
    else headerLength += protocol === EXTENSION.authentication ? (size + 2) * 4 : (size + 1) * 8;
    protocol = next;
  }
  return { protocol, headerLength };
}

function decodeTcp(body: Buffer, ip: IpHeader): Segment | undefined {
  if (body.length < TCP.bytes) return undefined;
  const bits = body.readUInt8(TCP.flags);
  const headerLength = tcpHeaderLength(body);
  const length = ip.totalLength - ip.headerLength - headerLength;
  if (headerLength < TCP.bytes || length < 0) return undefined;
  return {
    source: endpointOf(ip.source, body.readUInt16BE(TCP.sourcePort)),
    destination: endpointOf(ip.destination, body.readUInt16BE(TCP.destinationPort)),
    seq: sequenceNumber(body.readUInt32BE(TCP.seq)),
    ack: bits & 0x10 ? sequenceNumber(body.readUInt32BE(TCP.ack)) : null,
    flags: flagLetters(bits),
    window: body.readUInt16BE(TCP.window),
    length,
  };
}

const UNREACHABLE_V4: Record<number, string> = {
  0: 'network unreachable',
  1: 'host unreachable',
  2: 'protocol unreachable',
  3: 'port unreachable',
  4: 'fragmentation needed',
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

/** For IPv6 a type of its own (RFC 4443). */
const PACKET_TOO_BIG = 2;

/** Only destination unreachable: type 3 (RFC 792), for IPv6 types 1 and 2 (RFC 4443). */
function decodeIcmp(body: Buffer, ip: IpHeader): IcmpError | undefined {
  const type = body.length >= ICMP.bytes ? body.readUInt8(ICMP.type) : -1;
  if (!(ip.protocol === PROTOCOL.icmp ? [3] : [1, PACKET_TOO_BIG]).includes(type)) return undefined;
  const inner = decodeIp(body.subarray(ICMP.bytes));
  if (inner?.protocol !== PROTOCOL.tcp) return undefined;
  const quoted = body.subarray(ICMP.bytes + inner.headerLength);
  if (quoted.length < ICMP.leastQuoted) return undefined;
  const code = body.readUInt8(ICMP.code);
  const meanings = ip.protocol === PROTOCOL.icmp ? UNREACHABLE_V4 : UNREACHABLE_V6;
  const known = type === PACKET_TOO_BIG ? 'packet too big' : meanings[code];
  return {
    source: addressText(ip.source),
    destination: addressText(ip.destination),
    type,
    code,
    meaning: known ?? `unreachable (code ${code})`,
    quoted: {
      source: { address: addressText(inner.source), port: quoted.readUInt16BE(TCP.sourcePort) },
      destination: {
        address: addressText(inner.destination),
        port: quoted.readUInt16BE(TCP.destinationPort),
      },
      seq: sequenceNumber(quoted.readUInt32BE(TCP.seq)),
    },
  };
}
