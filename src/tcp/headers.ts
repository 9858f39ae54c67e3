/** The headers of a packet: the lengths of the fixed part of each, and where its fields are, in bytes from its start. */

/** EtherTypes (RFC 894, RFC 2464). */
export const ETHER_TYPE = { ipv4: 0x0800, ipv6: 0x86dd } as const;

/** Protocol numbers (RFC 791, RFC 8200: Next Header). */
export const PROTOCOL = { icmp: 1, ipv4: 4, tcp: 6, udp: 17, ipv6: 41, gre: 47, icmpv6: 58 } as const;

/** UDP's ports for VXLAN (RFC 7348; Linux's own default) and Geneve (RFC 8926). */
export const TUNNEL_PORTS: readonly number[] = [4789, 8472, 6081];

/** Headers of IPv6 in front of the payload that have their length in their second byte (RFC 8200, 4.3 to 4.6; RFC 4302, 2.2). */
export const EXTENSION = { hopByHop: 0, routing: 43, fragment: 44, authentication: 51, options: 60 } as const;

/** RFC 791, 3.1. The first byte has the version, and the header's length in words of 4 bytes. */
export const IPV4 = {
  bytes: 20,
  typeOfService: 1,
  totalLength: 2,
  identification: 4,
  flags: 6,
  timeToLive: 8,
  protocol: 9,
  checksum: 10,
  source: 12,
  destination: 16,
} as const;

/** RFC 8200, 3. The first four bytes have the version, the traffic class and the flow label. */
export const IPV6 = {
  bytes: 40,
  payloadLength: 4,
  nextHeader: 6,
  hopLimit: 7,
  source: 8,
  destination: 24,
} as const;

/** RFC 9293, 3.1. `dataOffset`: the header's length in words of 4 bytes, in the upper half of the byte. */
export const TCP = {
  bytes: 20,
  sourcePort: 0,
  destinationPort: 2,
  seq: 4,
  ack: 8,
  dataOffset: 12,
  flags: 13,
  window: 14,
  checksum: 16,
  urgent: 18,
} as const;

/** RFC 792, RFC 4443, 2.1. Behind it, an error quotes the packet that it is about: its IP header and at least 8 bytes. */
export const ICMP = { bytes: 8, type: 0, code: 1, checksum: 2, leastQuoted: 8 } as const;
