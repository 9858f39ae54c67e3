/** A captured frame, as a capture file has it. */
export interface Frame {
  /** Milliseconds since 1970; of a file without times its number. */
  atMs: number;
  /** How the file numbers the interface; 0 where it has only one. */
  interface: number;
  /** LINKTYPE_* (https://www.tcpdump.org/linktypes.html). */
  linkType: number;
  /** What was kept of it: a part of the reader's buffer, good until the next frame. */
  bytes: Buffer;
  /** Its length on the wire, in bytes. */
  length: number;
  /** Which way it went, where the file says so. */
  direction: 'in' | 'out' | null;
}

/** What a capture says of itself, besides its frames. */
export interface CaptureFacts {
  format: 'pcap' | 'pcapng' | 'tcpdump text';
  /** How many packets the capture lost, by its own count; null if it has none. */
  dropped: number | null;
  /** When it ended; null if it does not say. */
  endedMs: number | null;
}

/** Reads frames from chunks of a file, whatever their lengths. */
export interface FrameReader {
  readonly facts: CaptureFacts;
  /** Throws a `CaptureError` where the file can't be one. */
  push(chunk: Buffer): Iterable<Frame>;
  /** What the file's end cut off, as a sentence; null if it is whole. */
  end(): string | null;
}

/** What is wrong with a file, and where. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError';
}
