import { type Segment, tcpOptionsOf } from './segment.ts';

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

/** RFC 9293, 3.1; RFC 7323, 2.2; RFC 2018, 2. */
const KIND = { end: 0, nothing: 1, windowScale: 3, sackPermitted: 4 } as const;

/** The largest shift that counts (RFC 7323, 2.3). */
const LARGEST_SCALE = 14;

/** The options of a packet that starts with its IP header; undefined where its TCP header is not whole. */
export function synOptionsOf(packet: Buffer): SynOptions | undefined {
  const options = tcpOptionsOf(packet);
  return options && parse(options);
}

function parse(options: Buffer): SynOptions {
  const found: SynOptions = { windowScale: null, sack: false };
  let at = 0;
  while (at < options.length) {
    const kind = options.readUInt8(at);
    if (kind === KIND.end) break;
    if (kind === KIND.nothing) {
      at++;
      continue;
    }
    const length = at + 1 < options.length ? options.readUInt8(at + 1) : 0;
    if (length < 2 || at + length > options.length) break;
    if (kind === KIND.windowScale && length === 3)
      found.windowScale = Math.min(options.readUInt8(at + 2), LARGEST_SCALE);
    if (kind === KIND.sackPermitted && length === 2) found.sack = true;
    at += length;
  }
  return found;
}
