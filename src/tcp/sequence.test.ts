import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seqAdd, seqDistance, sequenceNumber } from './sequence.ts';

const seq = fc.integer({ min: 0, max: 2 ** 32 - 1 }).map(sequenceNumber);
const step = fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 });

describe('sequence numbers', () => {
  it('wrap at 2^32, forwards and backwards', () => {
    expect(seqAdd(sequenceNumber(-1), 1)).toBe(0);
    expect(seqAdd(sequenceNumber(2 ** 32 - 10), 30)).toBe(20);
    expect(seqAdd(sequenceNumber(0), -1)).toBe(2 ** 32 - 1);
  });

  it('that have wrapped are still ahead', () => {
    const [before, after] = [sequenceNumber(2 ** 32 - 5), sequenceNumber(5)];
    expect(seqDistance(after, before)).toBe(10);
    expect(seqDistance(before, after)).toBe(-10);
    expect(seqDistance(after, after)).toBe(0);
  });

  it('stay within 32 bits, whatever is added', () => {
    fc.assert(
      fc.property(seq, step, (from, octets) => {
        const to = seqAdd(from, octets);
        expect(Number.isInteger(to) && to >= 0 && to < 2 ** 32).toBe(true);
      }),
    );
  });

  it('are as far apart as what was added', () => {
    fc.assert(
      fc.property(seq, step, (from, octets) => {
        expect(seqDistance(seqAdd(from, octets), from)).toBe(octets);
        expect(seqAdd(seqAdd(from, octets), -octets)).toBe(from);
      }),
    );
  });

  it('keep their distance when both are shifted', () => {
    fc.assert(
      fc.property(seq, seq, seq, (a, b, by) => {
        expect(seqDistance(seqAdd(a, by), seqAdd(b, by))).toBe(seqDistance(a, b));
      }),
    );
  });
});
