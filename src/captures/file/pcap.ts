import { CaptureError, type CaptureFacts, type Frame, type FrameReader } from '../frame.ts';
import { Chunks } from './chunks.ts';

/** pcap-savefile(5): a header of 24 bytes, then records with a header of 16. */
const [FILE_HEADER, RECORD_HEADER] = [24, 16];

/** The magic numbers, in the byte order of the host that wrote them, and the unit of their fractions in milliseconds. */
const MAGIC: ReadonlyMap<number, number> = new Map([
  [0xa1b2c3d4, 1e-3],
  [0xa1b23c4d, 1e-6],
]);

/** More than libpcap ever writes (MAXIMUM_SNAPLEN is 262,144; usbmon and D-Bus have more). */
export const LONGEST_FRAME: number = 2 ** 27;

export function isPcap(head: Buffer): boolean {
  return MAGIC.has(head.readUInt32LE(0)) || MAGIC.has(head.readUInt32BE(0));
}

/** A classic capture file, in either byte order, with microseconds or nanoseconds. */
export class PcapReader implements FrameReader {
  readonly facts: CaptureFacts = { format: 'pcap', dropped: null, endedMs: null };
  readonly #chunks = new Chunks();
  #header: { isLittle: boolean; unitMs: number; linkType: number } | undefined;
  #frames = 0;

  *push(chunk: Buffer): Generator<Frame> {
    this.#chunks.push(chunk);
    this.#header ??= this.#readHeader();
    if (!this.#header) return;
    const { isLittle, unitMs, linkType } = this.#header;
    for (let head = this.#chunks.peek(RECORD_HEADER); head; head = this.#chunks.peek(RECORD_HEADER)) {
      const number = (at: number) => (isLittle ? head.readUInt32LE(at) : head.readUInt32BE(at));
      const captured = number(8);
      if (captured > LONGEST_FRAME)
        throw new CaptureError(
          `packet ${this.#frames + 1} (byte ${this.#chunks.offset}): expected at most ${LONGEST_FRAME} bytes, found a length of ${captured}`,
        );
      const record = this.#chunks.peek(RECORD_HEADER + captured);
      if (!record) return;
      this.#chunks.skip(record.length);
      this.#frames++;
      yield {
        atMs: number(0) * 1000 + number(4) * unitMs,
        interface: 0,
        linkType,
        bytes: record.subarray(RECORD_HEADER),
        length: number(12),
        direction: null,
      };
    }
  }

  end(): string | null {
    if (!this.#header) return 'the file ends within its header';
    return this.#chunks.left > 0 ? `the file ends within packet ${this.#frames + 1}` : null;
  }

  #readHeader() {
    const head = this.#chunks.peek(FILE_HEADER);
    if (!head) return undefined;
    const isLittle = MAGIC.has(head.readUInt32LE(0));
    const number = (at: number) => (isLittle ? head.readUInt32LE(at) : head.readUInt32BE(at));
    const unitMs = MAGIC.get(number(0));
    if (unitMs === undefined) throw new CaptureError('byte 0: expected the magic number of a capture file');
    this.#chunks.skip(FILE_HEADER);
    // The upper bits have the length of a frame check sequence.
    return { isLittle, unitMs, linkType: number(20) & 0xffff };
  }
}
