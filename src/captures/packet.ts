import { IPV4, IPV6, TCP } from '../tcp/headers.ts';
import { decodePacket, type IcmpError, tcpOptionsOf, unreadKind } from '../tcp/segment.ts';
import { type SeenSegment, synOptionsOf } from '../tcp/syn-options.ts';
import type { Frame } from './frame.ts';
import { carriedIn } from './link/link.ts';

/** A packet of TCP, or an ICMP error about one, as one interface saw it. */
export interface SeenPacket {
  atMs: number;
  wire: { kind: 'tcp'; segment: SeenSegment } | { kind: 'icmp'; error: IcmpError };
  /** Where it was seen: two sightings of the same packet differ in it. */
  sighting: string;
  direction: Frame['direction'];
  interface: number;
  /** TTL or hop limit; null where the text does not say. */
  hops: number | null;
  /** The identification of IPv4, and what TCP's options hold: with its numbers, they make it this packet and no other. */
  mark: number;
  /** Whether the mark distinguishes it from a retransmission: an IPv4 packet has a number of its own, mostly. */
  hasOwnMark: boolean;
  /** TCP's checksum is only the sum of the pseudo header, so that it was seen before its NIC completed it. */
  isPartial: boolean;
  isTagged: boolean;
  isLoopback: boolean;
}

/** The TCP packet in a frame; undefined for all else. */
export function packetIn(frame: Frame): SeenPacket | undefined {
  const carried = carriedIn(frame);
  const wire = carried && decodePacket(carried.packet, carried.length);
  if (!carried || !wire) return undefined;
  const { packet, direction, sighting, isTagged, isLoopback } = carried;
  const isIpv4 = packet.readUInt8(0) >> 4 === 4;
  const isTcp = wire.kind === 'tcp';
  const identification = isIpv4 ? packet.readUInt16BE(IPV4.identification) : 0;
  const options = isTcp ? tcpOptionsOf(packet) : undefined;
  if (isTcp && wire.segment.flags.includes('S')) {
    const synOptions = synOptionsOf(packet);
    if (synOptions) (wire.segment as SeenSegment).options = synOptions;
  }
  return {
    atMs: frame.atMs,
    wire,
    sighting,
    direction,
    interface: frame.interface,
    hops: packet.readUInt8(isIpv4 ? IPV4.timeToLive : IPV6.hopLimit),
    mark: markOf(identification, options),
    hasOwnMark: identification !== 0,
    isPartial: isTcp && hasPartialChecksum(packet, isIpv4, wire.segment.length),
    isTagged,
    isLoopback,
  };
}

/** What a frame without a readable TCP packet has that a reader should know of. */
export function unreadIn(frame: Frame): ReturnType<typeof unreadKind> {
  const carried = carriedIn(frame);
  return carried && unreadKind(carried.packet);
}

/** FNV-1a. */
function markOf(identification: number, options: Buffer | undefined): number {
  let hash = 0x811c9dc5 ^ identification;
  for (const byte of options ?? []) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** The addresses, the protocol and the length, added up (RFC 9293, 3.1), without a complement: the kernel leaves that to the NIC. */
function hasPartialChecksum(packet: Buffer, isIpv4: boolean, length: number): boolean {
  const headerLength = isIpv4 ? (packet.readUInt8(0) & 0x0f) * 4 : IPV6.bytes;
  if (packet.length < headerLength + TCP.bytes) return false;
  const tcpLength = (packet.readUInt8(headerLength + TCP.dataOffset) >> 4) * 4 + length;
  const [from, to] = isIpv4 ? [IPV4.source, IPV4.source + 8] : [IPV6.source, IPV6.source + 32];
  let sum = 6 + (tcpLength & 0xffff);
  for (let at = from; at < to; at += 2) sum += packet.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return packet.readUInt16BE(headerLength + TCP.checksum) === sum;
}
