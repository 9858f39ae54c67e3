import { Connections } from './connection/connections.ts';
import { isPcap, PcapReader } from './file/pcap.ts';
import { isPcapng, PcapngReader } from './file/pcapng.ts';
import { TcpdumpText } from './file/tcpdump-text.ts';
import { CaptureError, type CaptureFacts, type Frame, type FrameReader } from './frame.ts';
import { isKnownLink } from './link/link.ts';
import { packetIn, unreadIn } from './packet.ts';

export interface CaptureRead {
  connections: Connections;
  facts: CaptureFacts;
  /** What the reader could not use, a sentence each. */
  notes: string[];
}

/** What a file is, by its first bytes. */
export type Kind = 'pcap' | 'pcapng' | 'gzip' | 'timeline' | 'text' | 'unknown';

/** Enough of a file to say what it is. */
export const HEAD_BYTES = 256;

export function kindOf(head: Buffer): Kind {
  if (head.length >= 2 && head.readUInt16BE(0) === 0x1f8b) return 'gzip';
  if (head.length >= 4 && isPcap(head)) return 'pcap';
  if (head.length >= 4 && isPcapng(head)) return 'pcapng';
  if (/^\s*\{\s*"(type|format)"/.test(head.toString('latin1'))) return 'timeline';
  return head.length > 0 && !head.includes(0) ? 'text' : 'unknown';
}

/**
 * Reads a capture from its beginning to its end, in memory that does not grow with its length. Throws a `CaptureError` for what
 * is none, or contradicts itself.
 */
export async function readCapture(
  kind: Kind,
  chunks: AsyncIterable<Uint8Array>,
  connections: Connections = new Connections(),
): Promise<CaptureRead> {
  if (kind === 'text') return readText(chunks, connections);
  const reader: FrameReader | undefined =
    kind === 'pcap' ? new PcapReader() : kind === 'pcapng' ? new PcapngReader() : undefined;
  if (!reader) throw new CaptureError('expected pcap, pcapng or the text of tcpdump');
  const skipped = new Skipped();
  for await (const chunk of chunks) {
    for (const frame of reader.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))) {
      const packet = packetIn(frame);
      if (packet) connections.add(packet);
      else skipped.add(frame);
    }
  }
  connections.cut = skipped.cut;
  const cut = reader.end();
  connections.finish();
  return { connections, facts: reader.facts, notes: [...(cut === null ? [] : [cut]), ...skipped.notes] };
}

async function readText(chunks: AsyncIterable<Uint8Array>, connections: Connections): Promise<CaptureRead> {
  const text = new TcpdumpText();
  for await (const chunk of chunks) for (const packet of text.push(chunk)) connections.add(packet);
  for (const packet of text.end()) connections.add(packet);
  if (text.packets === 0 && text.quiet > 0)
    throw new CaptureError(
      'expected flags and numbers, found the text of `tcpdump -q`, which leaves them out',
    );
  if (text.packets === 0)
    throw new CaptureError('expected a capture or the text of tcpdump, found no TCP segment');
  connections.hasTimes = text.hasTimes;
  connections.finish();
  const notes = text.quiet > 0 ? [`${text.quiet} lines of \`tcpdump -q\` have no flags and numbers`] : [];
  return { connections, facts: text.facts, notes: [...notes, ...text.notes] };
}

/** Counts frames that hold no TCP. */
class Skipped {
  #others = 0;
  #tunnels = 0;
  /** Packets of TCP that lack a part of its header. */
  cut = 0;
  readonly #unknown = new Map<number, number>();

  add(frame: Frame): void {
    const { linkType } = frame;
    const kind = unreadIn(frame);
    if (kind === 'cut') this.cut++;
    else if (kind === 'tunnel') this.#tunnels++;
    else if (isKnownLink(linkType)) this.#others++;
    else if (this.#unknown.size < 100 || this.#unknown.has(linkType))
      this.#unknown.set(linkType, (this.#unknown.get(linkType) ?? 0) + 1);
  }

  get notes(): string[] {
    const counted = (count: number, one: string, many: string) =>
      count === 0 ? [] : [`${count} ${count === 1 ? one : many}`];
    return [
      ...[...this.#unknown].map(
        ([linkType, count]) => `${count} frames have link type ${linkType}, which tcplab does not read`,
      ),
      ...counted(
        this.cut,
        'TCP packet is cut within its header: capture with -s 128 or more',
        'TCP packets are cut within their headers: capture with -s 128 or more',
      ),
      ...counted(
        this.#tunnels,
        'packet belongs to a tunnel, and tcplab does not read what is in it: capture on the tunnel’s interface',
        'packets belong to a tunnel, and tcplab does not read what is in it: capture on the tunnel’s interface',
      ),
      ...counted(this.#others, 'frame holds no TCP', 'frames hold no TCP'),
    ];
  }
}
