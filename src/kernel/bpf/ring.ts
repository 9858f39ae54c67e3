import { monotonicNs } from '../clock.ts';
import { DisposableStack } from '../disposable-stack.ts';
import { libc, pageSize } from '../libc.ts';
import { type Mapping, mapDescriptor } from '../mapping.ts';
import { createMap } from './syscall.ts';

// kernel/bpf/ringbuf.c; include/uapi/linux/bpf.h, BPF_RINGBUF_HDR_SZ
const HEADER = 8;
const BUSY = 0x80000000;
const DISCARDED = 0x40000000;

const MOST_WAIT_NS = 50_000_000n;

/** The ring into which programs write and from which this process reads, without copying (BPF_MAP_TYPE_RINGBUF, Linux 5.8). */
export class Ring {
  readonly fd: number;
  readonly #consumer: Mapping;
  readonly #producer: Mapping;
  /** How far this process has read, and how far programs have written: byte counts that only grow. */
  readonly #read: BigUint64Array;
  readonly #written: BigUint64Array;
  /** The ring twice in a row, so that no record has a break in it. */
  readonly #data: Buffer;
  /** The same memory, to read a record's header before what it heads on every processor (arm64). */
  readonly #words: Int32Array;
  readonly #mask: number;
  #at = 0;
  /** Whether the last reading had to leave records behind, because one of them was still not written. */
  isBehind = false;

  /** `size`: in bytes, a power of two and of whole pages. */
  constructor(size: number) {
    using undo = new DisposableStack();
    this.fd = createMap('ring', 'ring', { key: 0, value: 0, entries: size });
    undo.defer(() => libc.close(this.fd));
    const page = pageSize();
    const what = 'ring of kernel events';
    this.#consumer = mapDescriptor(this.fd, { length: page, shared: true, writable: true, what });
    undo.defer(() => this.#consumer.unmap());
    this.#producer = mapDescriptor(this.fd, { length: page + 2 * size, offset: page, shared: true, what });
    this.#data = this.#producer.bytes.subarray(page);
    this.#words = new Int32Array(this.#data.buffer, this.#data.byteOffset, (2 * size) / 4);
    this.#read = position(this.#consumer);
    this.#written = position(this.#producer);
    this.#mask = size - 1;
    undo.move();
  }

  /** Shows each record that has come since the last call. What it shows holds during the visit only. */
  read(visit: (record: Buffer) => void): void {
    const end = Number(Atomics.load(this.#written, 0));
    while (this.#at < end) {
      const at = this.#at & this.#mask;
      const header = this.#headerAt(at);
      this.isBehind = (header & BUSY) !== 0;
      if (this.isBehind) break;
      const length = header & ~DISCARDED;
      if (!(header & DISCARDED)) visit(this.#data.subarray(at + HEADER, at + HEADER + length));
      this.#at += (HEADER + length + 7) & ~7;
    }
    Atomics.store(this.#read, 0, BigInt(this.#at));
  }

  /**
   * Another processor may be about to write the record: it holds up all that come after it. That takes a microsecond, or as long
   * as an interrupt, or another guest of the machine, has that processor.
   */
  #headerAt(at: number): number {
    const load = () => Atomics.load(this.#words, at / 4) >>> 0;
    let header = load();
    if (!(header & BUSY)) return header;
    const untilNs = monotonicNs() + MOST_WAIT_NS;
    while (header & BUSY && monotonicNs() < untilNs) header = load();
    return header;
  }

  close(): void {
    this.#consumer.unmap();
    this.#producer.unmap();
    libc.close(this.fd);
  }
}

function position({ bytes }: Mapping): BigUint64Array {
  return new BigUint64Array(bytes.buffer, bytes.byteOffset, 1);
}
