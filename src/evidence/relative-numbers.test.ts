import { describe, expect, it } from 'vitest';
import { segment } from '../../test/hand-built.ts';
import type { Segment } from '../tcp/segment.ts';
import { sequenceNumber } from '../tcp/sequence.ts';
import type { HostName } from './events.ts';
import { RelativeNumbers } from './relative-numbers.ts';

/** As it was sent, with its numbers as they are on the wire. */
function sent(
  flags: string,
  seq: number,
  ack: number | null,
  host: HostName = 'client',
): [HostName, Segment] {
  return [
    host,
    {
      ...segment(host, flags, 0),
      seq: sequenceNumber(seq),
      ack: ack === null ? null : sequenceNumber(ack),
      length: 0,
    },
  ];
}

function told(...segments: [HostName, Segment][]): [seq: number, ack: number | null][] {
  const numbers = new RelativeNumbers();
  return segments.map(([host, each]) => {
    const { seq, ack } = numbers.add(host, each);
    return [seq, ack];
  });
}

const FAR = 3_000_000_000;

describe('a relative number', () => {
  it('is counted from the SYN that began the connection, on whichever side of zero', () => {
    const start = 2 ** 32 - 1;
    expect(
      told(
        sent('S', start, null),
        sent('S.', FAR, 0, 'server'),
        sent('.', 0, FAR + 1),
        sent('P.', 5, FAR + 1),
      ),
    ).toEqual([
      [0, null],
      [0, 1],
      [1, 1],
      [6, 1],
    ]);
  });

  it('is counted anew from each SYN with another number, and not from one that is sent again', () => {
    expect(
      told(
        sent('S', 100, null),
        sent('R.', 0, 101, 'server'),
        sent('S', FAR, null),
        sent('R.', 0, FAR + 1, 'server'),
        sent('S', FAR, null),
        sent('R', 101, null),
      ).map(([seq, ack]) => [seq, ack]),
    ).toEqual([
      [0, null],
      [0, 1],
      [0, null],
      [0, 1],
      [0, null],
      [1, null],
    ]);
  });

  it('stays with its own connection when the next began not far above, as one out of TIME-WAIT does', () => {
    const next = 100 + 65_537;
    expect(
      told(sent('S', 100, null), sent('S', next, null), sent('.', 60_000, null), sent('.', next + 1, null)),
    ).toEqual([
      [0, null],
      [0, null],
      [59_900, null],
      [1, null],
    ]);
  });

  it('is never negative, though the beginning was not seen', () => {
    expect(told(sent('.', 500, 7), sent('.', 499, 7), sent('.', 501, 7))).toEqual([
      [0, 0],
      [0, 0],
      [1, 0],
    ]);
  });
});
