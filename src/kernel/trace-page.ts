const HEADER = 16;
/** Kinds of what is on a page that have no data, or no event (include/linux/ring_buffer.h). */
const [PADDING, TIME_EXTEND, TIME_STAMP] = [29, 30, 31];
const MISSED = 1 << 31;

/** The time at which a page of a trace ring begins, in nanoseconds on the ring's clock. */
export function startOfPage(page: Buffer): bigint {
  return page.readBigUInt64LE(0);
}

/** Whether the ring was full before this page was written: events are missing. */
export function hasMissed(page: Buffer): boolean {
  return (page.readUInt32LE(8) & MISSED) !== 0;
}

/** Shows each event on a page: struct buffer_data_page and what is in it (kernel/trace/ring_buffer.c). */
export function readPage(page: Buffer, visit: (record: Buffer, atNs: bigint) => void): void {
  let atNs = startOfPage(page);
  const end = HEADER + (page.readUInt32LE(8) & 0x0fffffff);
  let offset = HEADER;
  while (offset + 4 <= end) {
    const header = page.readUInt32LE(offset);
    const kind = header & 0x1f;
    const delta = BigInt(header >>> 5);
    offset += 4;
    if (kind === PADDING) {
      if (delta === 0n) return;
      offset += page.readUInt32LE(offset);
    } else if (kind === TIME_EXTEND) {
      atNs += delta + (BigInt(page.readUInt32LE(offset)) << 27n);
      offset += 4;
    } else if (kind === TIME_STAMP) {
      atNs = delta + (BigInt(page.readUInt32LE(offset)) << 27n);
      offset += 4;
    } else {
      atNs += delta;
      // Zero: the first word of the data holds the length, its own included.
      const length = kind === 0 ? page.readUInt32LE(offset) : kind * 4;
      visit(page.subarray(kind === 0 ? offset + 4 : offset, offset + length), atNs);
      offset += length;
    }
  }
}
