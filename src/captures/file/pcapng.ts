import { CaptureError, type CaptureFacts, type Frame, type FrameReader } from '../frame.ts';
import { Chunks } from './chunks.ts';
import { LONGEST_FRAME } from './pcap.ts';

/** Blocks and options (draft-ietf-opsawg-pcapng, 4): the type, the whole length, the body, and the length again. */
const BLOCK = {
  section: 0x0a0d0d0a,
  interface: 1,
  oldPacket: 2,
  simplePacket: 3,
  statistics: 5,
  packet: 6,
} as const;
const BYTE_ORDER = 0x1a2b3c4d;
const OPTION = {
  end: 0,
  timestampResolution: 9,
  timestampOffset: 14,
  flags: 2,
  dropped: 4,
  ended: 3,
} as const;
const STATISTICS_DROPPED = 5;
const LEAST_BLOCK = 12;
/** A section may name so many interfaces, and no more. */
const MOST_INTERFACES = 65_536;

interface Interface {
  linkType: number;
  snapLength: number;
  /** Of a unit of its times. */
  unitMs: number;
  offsetMs: number;
  /** Its number among those of all sections. */
  number: number;
}

export function isPcapng(head: Buffer): boolean {
  return head.readUInt32LE(0) === BLOCK.section;
}

/** A pcapng file: sections in either byte order, interfaces with their own times, and what the capture counted. */
export class PcapngReader implements FrameReader {
  readonly facts: CaptureFacts = { format: 'pcapng', dropped: null, endedMs: null };
  readonly #chunks = new Chunks();
  #isLittle = true;
  #interfaces: Interface[] = [];
  #allInterfaces = 0;
  #blocks = 0;

  *push(chunk: Buffer): Generator<Frame> {
    this.#chunks.push(chunk);
    for (let block = this.#next(); block; block = this.#next()) {
      const frame = this.#read(block.type, block.body);
      if (frame) yield frame;
    }
  }

  end(): string | null {
    return this.#chunks.left > 0 ? `the file ends within block ${this.#blocks + 1}` : null;
  }

  #next(): { type: number; body: Buffer } | undefined {
    const head = this.#chunks.peek(LEAST_BLOCK);
    if (!head) return undefined;
    if (head.readUInt32LE(0) === BLOCK.section) {
      const order = head.readUInt32LE(8);
      this.#isLittle = order === BYTE_ORDER;
      if (!this.#isLittle && head.readUInt32BE(8) !== BYTE_ORDER)
        throw this.#wrong(`expected the byte-order magic of a section, found ${order.toString(16)}`);
    }
    const length = this.#number(head, 4);
    if (length < LEAST_BLOCK || length % 4 !== 0 || length > LONGEST_FRAME)
      throw this.#wrong(`expected a block of ${LEAST_BLOCK} to ${LONGEST_FRAME} bytes, found ${length}`);
    const block = this.#chunks.peek(length);
    if (!block) return undefined;
    const again = this.#number(block, length - 4);
    if (again !== length)
      throw this.#wrong(`expected its length again at its end (${length}), found ${again}`);
    this.#chunks.skip(length);
    this.#blocks++;
    return { type: this.#number(block, 0), body: block.subarray(8, length - 4) };
  }

  #read(type: number, body: Buffer): Frame | undefined {
    switch (type) {
      case BLOCK.section:
        this.#interfaces = [];
        return undefined;
      case BLOCK.interface:
        this.#addInterface(body);
        return undefined;
      case BLOCK.statistics:
        this.#count(body);
        return undefined;
      case BLOCK.packet:
        return this.#packet(body, this.#number(body, 0));
      case BLOCK.oldPacket:
        return this.#packet(body, this.#short(body, 0));
      case BLOCK.simplePacket:
        return this.#simplePacket(body);
      default:
        return undefined;
    }
  }

  #addInterface(body: Buffer): void {
    if (body.length < 8) throw this.#wrong('expected an interface of 8 bytes and more');
    if (this.#interfaces.length >= MOST_INTERFACES)
      throw this.#wrong(`expected at most ${MOST_INTERFACES} interfaces`);
    const found: Interface = {
      linkType: this.#short(body, 0),
      snapLength: this.#number(body, 4),
      unitMs: 1e-3,
      offsetMs: 0,
      number: this.#allInterfaces++,
    };
    for (const [code, value] of this.#options(body, 8)) {
      if (code === OPTION.timestampResolution && value.length === 1)
        found.unitMs = unitOf(value.readUInt8(0));
      if (code === OPTION.timestampOffset && value.length === 8)
        found.offsetMs = Number(this.#isLittle ? value.readBigInt64LE(0) : value.readBigInt64BE(0)) * 1000;
    }
    this.#interfaces.push(found);
  }

  #count(body: Buffer): void {
    const from = body.length >= 12 ? this.#interfaces[this.#number(body, 0)] : undefined;
    if (!from) throw this.#wrong('expected statistics of an interface of this section');
    const { facts } = this;
    for (const [code, value] of this.#options(body, 12)) {
      if (value.length !== 8) continue;
      if (code === OPTION.ended) facts.endedMs = Math.max(facts.endedMs ?? 0, this.#time(value, 0, from));
      if (code === STATISTICS_DROPPED)
        facts.dropped =
          (facts.dropped ?? 0) + Number(this.#isLittle ? value.readBigUInt64LE(0) : value.readBigUInt64BE(0));
    }
  }

  #packet(body: Buffer, index: number): Frame {
    const from = this.#interfaces[index];
    if (!from)
      throw this.#wrong(`expected a packet of one of ${this.#interfaces.length} interfaces, found ${index}`);
    const captured = body.length >= 20 ? this.#number(body, 12) : -1;
    if (captured < 0 || captured > body.length - 20)
      throw this.#wrong(`expected a packet within its block, found a length of ${captured}`);
    let direction: Frame['direction'] = null;
    for (const [code, value] of this.#options(body, 20 + captured + (-captured & 3)))
      if (code === OPTION.flags && value.length === 4)
        direction = ([null, 'in', 'out', null] as const)[this.#number(value, 0) & 3] ?? null;
    return {
      atMs: this.#time(body, 4, from),
      interface: from.number,
      linkType: from.linkType,
      bytes: body.subarray(20, 20 + captured),
      length: this.#number(body, 16),
      direction,
    };
  }

  /** It has no time: it gets its number. */
  #simplePacket(body: Buffer): Frame {
    const [from] = this.#interfaces;
    if (!from || body.length < 4) throw this.#wrong('expected an interface before a packet');
    const length = this.#number(body, 0);
    const captured = Math.min(length, from.snapLength || length, body.length - 4);
    const bytes = body.subarray(4, 4 + captured);
    return {
      atMs: this.#blocks,
      interface: from.number,
      linkType: from.linkType,
      bytes,
      length,
      direction: null,
    };
  }

  *#options(body: Buffer, from: number): Generator<[code: number, value: Buffer]> {
    for (let at = from; at + 4 <= body.length; ) {
      const [code, length] = [this.#short(body, at), this.#short(body, at + 2)];
      if (code === OPTION.end) return;
      if (at + 4 + length > body.length) throw this.#wrong(`expected option ${code} within its block`);
      yield [code, body.subarray(at + 4, at + 4 + length)];
      at += 4 + length + (-length & 3);
    }
  }

  /** Two halves, the upper first. A double holds nanoseconds since 1970 to about 0.2 µs. */
  #time(body: Buffer, at: number, { unitMs, offsetMs }: Interface): number {
    return (this.#number(body, at) * 2 ** 32 + this.#number(body, at + 4)) * unitMs + offsetMs;
  }

  #number(bytes: Buffer, at: number): number {
    if (at + 4 > bytes.length) throw this.#wrong('expected more in this block');
    return this.#isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
  }

  #short(bytes: Buffer, at: number): number {
    if (at + 2 > bytes.length) throw this.#wrong('expected more in this block');
    return this.#isLittle ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
  }

  #wrong(what: string): CaptureError {
    return new CaptureError(`block ${this.#blocks + 1} (byte ${this.#chunks.offset}): ${what}`);
  }
}

/** if_tsresol: a power of ten, or of two if the highest bit is set. */
function unitOf(resolution: number): number {
  const power = resolution & 0x7f;
  return 1000 * (resolution & 0x80 ? 2 : 10) ** -power;
}
