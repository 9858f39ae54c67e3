import { PROTOCOL } from './headers.ts';

/** What TCP's checksum covers of the IP header (RFC 9293, 3.1; RFC 8200, 8.1). */
export function pseudoHeader(
  source: Uint8Array,
  destination: Uint8Array,
  length: number,
  protocol: number = PROTOCOL.tcp,
): Buffer {
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
export function checksum(...parts: Buffer[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let index = 0; index + 1 < part.length; index += 2) sum += part.readUInt16BE(index);
    if (part.length % 2) sum += part.readUInt8(part.length - 1) << 8;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
