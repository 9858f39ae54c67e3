import type { Segment } from './segment.ts';

/** What the options of a SYN settle for the whole connection. */
export interface SynOptions {
  /** Bits by which its sender's windows will be scaled; null without the option (RFC 7323, 2.2). */
  windowScale: number | null;
  /** Whether its sender permits SACK (RFC 2018, 2). */
  sack: boolean;
}

/** A segment with the options of its SYN, where they were seen. */
export interface SeenSegment extends Segment {
  options?: SynOptions;
}

/** The largest shift that counts (RFC 7323, 2.3). */
const LARGEST_SCALE = 14;

/** The options of a packet that starts with its IP header; undefined where its TCP header is not whole. */
export function synOptionsOf(packet: Buffer): SynOptions | undefined {
  const version = packet.length > 0 ? packet.readUInt8(0) >> 4 : 0;
  const headerLength = version === 4 ? (packet.readUInt8(0) & 0x0f) * 4 : 40;
  const tcp = packet.subarray(headerLength);
  if (tcp.length < 20) return undefined;
  const end = (tcp.readUInt8(12) >> 4) * 4;
  if (end < 20 || tcp.length < end) return undefined;
  return parse(tcp.subarray(20, end));
}

function parse(options: Buffer): SynOptions {
  const found: SynOptions = { windowScale: null, sack: false };
  let at = 0;
  while (at < options.length) {
    const kind = options.readUInt8(at);
    if (kind === 0) break;
    if (kind === 1) {
      at++;
      continue;
    }
    const length = at + 1 < options.length ? options.readUInt8(at + 1) : 0;
    if (length < 2 || at + length > options.length) break;
    if (kind === 3 && length === 3) found.windowScale = Math.min(options.readUInt8(at + 2), LARGEST_SCALE);
    if (kind === 4 && length === 2) found.sack = true;
    at += length;
  }
  return found;
}
