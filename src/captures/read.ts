import { Connections } from './connection/connections.ts';
import { PcapReader, isPcap } from './file/pcap.ts';
import { isPcapng, PcapngReader } from './file/pcapng.ts';
import { CaptureError, type CaptureFacts, type FrameReader } from './frame.ts';
import { isKnownLink } from './link/link.ts';
import { packetIn } from './packet.ts';

export interface CaptureRead {
  connections: Connections;
  facts: CaptureFacts;
  /** What the reader could not use, a sentence each. */
  notes: string[];
}

/** Reads a capture from its beginning to its end, in memory that does not grow with its length. */
export async function readCapture(
  chunks: AsyncIterable<Uint8Array>,
  connections: Connections = new Connections(),
): Promise<CaptureRead> {
  let reader: FrameReader | undefined;
  let head: Buffer = Buffer.alloc(0);
  const skipped = new Skipped();
  for await (const chunk of chunks) {
    let bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (!reader) {
      head = Buffer.concat([head, bytes]);
      if (head.length < 4) continue;
      bytes = head;
      reader = readerOf(head);
    }
    for (const frame of reader.push(bytes)) {
      const packet = packetIn(frame);
      if (packet) connections.add(packet);
      else skipped.add(frame.linkType);
    }
  }
  if (!reader) throw new CaptureError('expected a capture, found an empty file');
  const cut = reader.end();
  connections.finish();
  return { connections, facts: reader.facts, notes: [...(cut === null ? [] : [cut]), ...skipped.notes] };
}

function readerOf(head: Buffer): FrameReader {
  if (isPcap(head)) return new PcapReader();
  if (isPcapng(head)) return new PcapngReader();
  throw new CaptureError('expected pcap or pcapng');
}

/** Counts frames that hold no TCP. */
class Skipped {
  #others = 0;
  readonly #unknown = new Map<number, number>();

  add(linkType: number): void {
    if (isKnownLink(linkType)) this.#others++;
    else if (this.#unknown.size < 100 || this.#unknown.has(linkType))
      this.#unknown.set(linkType, (this.#unknown.get(linkType) ?? 0) + 1);
  }

  get notes(): string[] {
    const unknown = [...this.#unknown].map(
      ([linkType, count]) => `${count} frames have link type ${linkType}, which tcplab does not read`,
    );
    return this.#others === 0 ? unknown : [...unknown, `${this.#others} frames hold no TCP, or not all of its header`];
  }
}
