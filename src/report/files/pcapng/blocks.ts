/**
 * The blocks of a pcapng file (draft-ietf-opsawg-pcapng, 4.1 to 4.3), little-endian. A block is its type, its whole
 * length, a body whose parts are padded to 32 bits, options, and its length again.
 */

export interface Section {
  comment: string;
  hardware: string;
  os: string;
  application: string;
}

export interface Interface {
  name: string;
  description: string;
}

export interface Packet {
  /** By its place among the interfaces. */
  interface: number;
  /** Nanoseconds since 1970. */
  atNs: bigint;
  bytes: Uint8Array;
  /** Length on the wire, in bytes; `bytes` may hold fewer. */
  length: number;
  direction: 'inbound' | 'outbound';
  comment: string;
}

export function sectionHeader({ comment, hardware, os, application }: Section): Buffer {
  const body = Buffer.alloc(16);
  body.writeUInt32LE(0x1a2b3c4d, 0);
  body.writeUInt16LE(1, 4);
  body.writeUInt16LE(0, 6);
  // Section length unspecified: a reader continues to the end of the file.
  body.writeBigInt64LE(-1n, 8);
  return block(0x0a0d0d0a, body, [
    option(OPT_COMMENT, text(comment)),
    option(2, text(hardware)),
    option(3, text(os)),
    option(4, text(application)),
  ]);
}

/** Packets that begin with their IP header (LINKTYPE_RAW), of whatever length, stamped in nanoseconds. */
export function interfaceDescription({ name, description }: Interface): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt16LE(LINKTYPE_RAW, 0);
  return block(1, body, [
    option(2, text(name)),
    option(3, text(description)),
    option(IF_TSRESOL, Buffer.from([9])),
  ]);
}

export function enhancedPacket(packet: Packet): Buffer {
  const head = Buffer.alloc(20);
  head.writeUInt32LE(packet.interface, 0);
  head.writeUInt32LE(Number(packet.atNs >> 32n), 4);
  head.writeUInt32LE(Number(packet.atNs & 0xffff_ffffn), 8);
  head.writeUInt32LE(packet.bytes.length, 12);
  head.writeUInt32LE(packet.length, 16);
  const flags = Buffer.alloc(4);
  flags.writeUInt32LE(packet.direction === 'inbound' ? 1 : 2);
  return block(6, Buffer.concat([head, padded(packet.bytes)]), [
    option(OPT_COMMENT, text(packet.comment)),
    option(EPB_FLAGS, flags),
  ]);
}

// https://www.tcpdump.org/linktypes.html
const LINKTYPE_RAW = 101;
const OPT_COMMENT = 1;
const IF_TSRESOL = 9;
const EPB_FLAGS = 2;
const END_OF_OPTIONS = Buffer.alloc(4);
const LONGEST_OPTION = 0xffff;

function block(type: number, body: Buffer, options: Buffer[]): Buffer {
  const content = Buffer.concat([body, ...options, END_OF_OPTIONS]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(content.length + 12);
  const head = Buffer.alloc(4);
  head.writeUInt32LE(type);
  return Buffer.concat([head, length, content, length]);
}

/** Leaves out an empty option. */
function option(code: number, value: Uint8Array): Buffer {
  if (value.length === 0) return Buffer.alloc(0);
  const head = Buffer.alloc(4);
  head.writeUInt16LE(code, 0);
  head.writeUInt16LE(value.length, 2);
  return Buffer.concat([head, padded(value)]);
}

/** As much of it as an option can carry, and no half character. */
function text(value: string): Uint8Array {
  const bytes = Buffer.from(value);
  if (bytes.length <= LONGEST_OPTION) return bytes;
  const room = Buffer.alloc(LONGEST_OPTION);
  return room.subarray(0, new TextEncoder().encodeInto(value, room).written);
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
