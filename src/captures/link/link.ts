import { ETHER_TYPE } from '../../tcp/headers.ts';
import type { Frame } from '../frame.ts';

/** What the link layer adds to an IP packet. */
export interface Carried {
  /** From the IP header on, without the padding of a short Ethernet frame. */
  packet: Buffer;
  /** The packet's length on the wire, in bytes. */
  length: number;
  direction: Frame['direction'];
  /** What distinguishes one sighting of a packet from another: interface, direction, VLAN, MAC addresses. */
  sighting: string;
  isTagged: boolean;
  /** A loopback interface by its link type, or by its MAC addresses of zeros. */
  isLoopback: boolean;
}

/** https://www.tcpdump.org/linktypes.html */
const LINK = {
  null: [0, 108],
  ethernet: [1],
  raw: [12, 14, 101, 228, 229],
  sll: [113],
  sll2: [276],
  ppp: [9, 50],
} as const;
const is = (kind: keyof typeof LINK, linkType: number) =>
  (LINK[kind] as readonly number[]).includes(linkType);

export function isKnownLink(linkType: number): boolean {
  return (Object.keys(LINK) as (keyof typeof LINK)[]).some((kind) => is(kind, linkType));
}

/** The tags of IEEE 802.1Q and 802.1ad, and what many switches used before. */
const TAGS: readonly number[] = [0x8100, 0x88a8, 0x9100];
/** A frame may have two; more would be a hostile file. */
const MOST_TAGS = 4;
/** sll_pkttype of an outgoing packet (packet(7)). */
const OUTGOING = 4;

/** The IP packet in a frame; undefined for other protocols, and for what is cut before the IP header. */
export function carriedIn(frame: Frame): Carried | undefined {
  const { linkType, bytes, direction } = frame;
  if (is('ethernet', linkType)) return inEthernet(frame);
  if (is('raw', linkType)) return carried(frame, 0, direction, '');
  if (is('null', linkType))
    return bytes.length < 4 ? undefined : carried(frame, 4, direction, '', { isLoopback: true });
  if (is('ppp', linkType)) return inPpp(frame);
  if (is('sll', linkType)) {
    if (bytes.length < 16) return undefined;
    const way = wayOf(bytes.readUInt16BE(0));
    return behindType(frame, bytes.readUInt16BE(14), 16, way, '', {
      isLoopback: bytes.readUInt16BE(2) === ARPHRD_LOOPBACK,
    });
  }
  if (is('sll2', linkType)) {
    if (bytes.length < 20) return undefined;
    const way = wayOf(bytes.readUInt8(10));
    const isLoopback = bytes.readUInt16BE(8) === ARPHRD_LOOPBACK;
    return behindType(frame, bytes.readUInt16BE(0), 20, way, `${bytes.readUInt32BE(4)}`, { isLoopback });
  }
  return undefined;
}

const ARPHRD_LOOPBACK = 772;

function wayOf(packetType: number): Frame['direction'] {
  return packetType === OUTGOING ? 'out' : 'in';
}

function inEthernet(frame: Frame): Carried | undefined {
  const { bytes, direction } = frame;
  if (bytes.length < 14) return undefined;
  const addresses = bytes.toString('latin1', 0, 12);
  return behindType(frame, bytes.readUInt16BE(12), 14, direction, addresses, {
    isLoopback: addresses === NO_ADDRESSES,
  });
}

const NO_ADDRESSES = '\0'.repeat(12);

/** RFC 1661, 2 and RFC 1332: with or without address and control. */
function inPpp(frame: Frame): Carried | undefined {
  const { bytes, direction } = frame;
  if (bytes.length < 4) return undefined;
  const at = bytes.readUInt16BE(0) === 0xff03 ? 2 : 0;
  const protocol = bytes.readUInt16BE(at);
  return protocol === 0x21 || protocol === 0x57 ? carried(frame, at + 2, direction, '') : undefined;
}

function behindType(
  frame: Frame,
  etherType: number,
  from: number,
  direction: Frame['direction'],
  sighting: string,
  { isLoopback }: { isLoopback: boolean },
): Carried | undefined {
  const { bytes } = frame;
  let [type, at, tags] = [etherType, from, ''];
  for (let count = 0; TAGS.includes(type) && count < MOST_TAGS; count++) {
    if (bytes.length < at + 4) return undefined;
    tags += `.${bytes.readUInt16BE(at) & 0xfff}`;
    type = bytes.readUInt16BE(at + 2);
    at += 4;
  }
  if (type !== ETHER_TYPE.ipv4 && type !== ETHER_TYPE.ipv6) return undefined;
  return carried(frame, at, direction, sighting + tags, { isLoopback, isTagged: tags !== '' });
}

function carried(
  frame: Frame,
  at: number,
  direction: Frame['direction'],
  sighting: string,
  { isLoopback = false, isTagged = false } = {},
): Carried {
  return {
    packet: frame.bytes.subarray(at),
    length: Math.max(0, frame.length - at),
    direction,
    sighting: `${frame.interface} ${direction ?? ''} ${sighting}`,
    isTagged,
    isLoopback,
  };
}
