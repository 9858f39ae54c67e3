import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodePacket, type SegmentToEncode } from './encode.ts';
import { addressBytes, addressText } from './endpoint.ts';
import { checksumsHold, decodePacket, flagBits, type IcmpError } from './segment.ts';
import { sequenceNumber } from './sequence.ts';

const LETTERS = ['F', 'S', 'R', 'P', '.', 'U', 'E', 'W'];

const port = fc.integer({ min: 1, max: 65535 });
const seq = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const ipv6 = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => addressText(bytes))
  .filter((address) => address.includes(':'));

/** Any segment that fits into one packet, over IPv4 or IPv6. */
const segmentToEncode = fc.oneof(fc.tuple(fc.ipV4(), fc.ipV4()), fc.tuple(ipv6, ipv6)).chain(([from, to]) =>
  fc
    .record({
      source: fc.record({ address: fc.constant(from), port }),
      destination: fc.record({ address: fc.constant(to), port }),
      seq,
      ack: fc.option(seq),
      letters: fc.subarray(LETTERS.filter((letter) => letter !== '.')),
      window: fc.integer({ min: 0, max: 65535 }),
      payload: fc.uint8Array({ maxLength: 60 }),
    })
    .map(({ letters, ...rest }): SegmentToEncode => {
      const set = rest.ack === null ? letters : [...letters, '.'];
      return { ...rest, flags: LETTERS.filter((letter) => set.includes(letter)).join('') || 'none' };
    }),
);

describe('a segment', () => {
  it('comes back from its packet as it was, over IPv4 and IPv6', () => {
    fc.assert(
      fc.property(segmentToEncode, ({ payload, ...segment }) => {
        const packet = encodePacket({ ...segment, ...(payload ? { payload } : {}) });
        const expected = { ...segment, length: payload?.length ?? 0 };
        expect(decodePacket(packet)).toEqual({ kind: 'tcp', segment: expected });
        expect(packet.subarray(packet.length - expected.length)).toEqual(Buffer.from(payload ?? []));
      }),
    );
  });

  it('is read wherever the packet lies in memory', () => {
    fc.assert(
      fc.property(segmentToEncode, fc.nat(9), (segment, shift) => {
        const packet = encodePacket(segment);
        const memory = new Uint8Array(shift + packet.length);
        memory.set(packet, shift);
        expect(decodePacket(memory.subarray(shift))).toEqual(decodePacket(packet));
      }),
    );
  });

  it('of a real kernel is read, with its options left out of its length', () => {
    // Its options: MSS, SACK permitted, timestamps, window scale.
    const syn = Buffer.from(SYN, 'hex');
    expect(checksumsHold(syn)).toBe(true);
    expect(decodePacket(syn)).toEqual({
      kind: 'tcp',
      segment: {
        source: { address: '192.168.2.10', port: 10000 },
        destination: { address: '192.168.2.11', port: 80 },
        seq: 2329196159,
        ack: null,
        flags: 'S',
        window: 64240,
        length: 0,
      },
    });
  });

  it('of a real kernel over IPv6 is read, too, and its checksum is the one that we sum', () => {
    const syn = Buffer.from(SYN_V6, 'hex');
    expect(checksumsHold(syn)).toBe(true);
    expect(decodePacket(syn)).toMatchObject({
      segment: {
        source: { address: 'fd00:2::10', port: 10000 },
        destination: { address: 'fd00:2::11', port: 80 },
        seq: 3182416703,
        flags: 'S',
        length: 0,
      },
    });
  });

  it('carries as much as its headers say, though the capture holds less', () => {
    const packet = encodePacket({ ...EXAMPLE, payload: new Uint8Array(1000) });
    expect(decodePacket(packet.subarray(0, 60))).toMatchObject({ segment: { length: 1000 } });
  });

  it('carries no more than its headers say, though Ethernet has padded the frame', () => {
    const packet = encodePacket({ ...EXAMPLE, payload: new Uint8Array(3) });
    const padded = Buffer.concat([packet, Buffer.alloc(6)]);
    expect(decodePacket(padded)).toMatchObject({ segment: { length: 3 } });
    expect(checksumsHold(padded)).toBe(true);
  });

  it('never carries less than nothing: one whose header is longer than itself is none', () => {
    const packet = encodePacket(EXAMPLE);
    packet.writeUInt8(0xf0, 20 + 12);
    expect(decodePacket(packet)).toBeUndefined();
    packet.writeUInt8(0x40, 20 + 12);
    expect(decodePacket(packet)).toBeUndefined();
  });
});

describe('the flags', () => {
  it.each([
    ['F', 0x01],
    ['S', 0x02],
    ['R', 0x04],
    ['P', 0x08],
    ['.', 0x10],
    ['U', 0x20],
    ['E', 0x40],
    ['W', 0x80],
    ['S.', 0x12],
    ['none', 0x00],
  ])('%s are %i on the wire', (letters, bits) => {
    expect(flagBits(letters)).toBe(bits);
  });

  it('are written in one order', () => {
    const packet = encodePacket({ ...EXAMPLE, flags: '.PF', ack: 7 });
    expect(decodePacket(packet)).toMatchObject({ segment: { flags: 'FP.', ack: 7 } });
  });
});

describe('the checksums', () => {
  it('of every packet that is built hold', () => {
    fc.assert(
      fc.property(segmentToEncode, (segment) => {
        expect(checksumsHold(encodePacket(segment))).toBe(true);
      }),
    );
  });

  it('break with any bit of what they cover', () => {
    fc.assert(
      fc.property(segmentToEncode, fc.nat(), (segment, at) => {
        const packet = encodePacket(segment);
        const covered = coveredBytes(packet);
        const index = covered[Math.floor(at / 8) % covered.length] as number;
        packet.writeUInt8(packet.readUInt8(index) ^ (1 << (at % 8)), index);
        expect(checksumsHold(packet), `octet ${index}`).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('cover an IPv4 header with options as well', () => {
    const plain = encodePacket(EXAMPLE);
    const withOptions = Buffer.concat([plain.subarray(0, 20), Buffer.from([1, 1, 1, 1]), plain.subarray(20)]);
    withOptions.writeUInt8(0x46, 0);
    withOptions.writeUInt16BE(withOptions.length, 2);
    // The header's checksum is still that of the one without options.
    expect(decodePacket(withOptions)).toEqual(decodePacket(plain));
    expect(checksumsHold(withOptions)).toBe(false);
  });

  it('do not hold for what is no segment', () => {
    expect(checksumsHold(new Uint8Array())).toBe(false);
    expect(checksumsHold(icmp({ type: 3, code: 3 }))).toBe(false);
  });
});

describe('an ICMP error', () => {
  it.each([
    [0, 'network unreachable'],
    [1, 'host unreachable'],
    [2, 'protocol unreachable'],
    [3, 'port unreachable'],
    [9, 'network administratively prohibited'],
    [10, 'host administratively prohibited'],
    [13, 'administratively prohibited'],
    [200, 'unreachable (code 200)'],
  ])('with code %i says: %s', (code, meaning) => {
    const error: IcmpError = {
      source: '192.168.2.11',
      destination: '192.168.2.10',
      type: 3,
      code,
      meaning,
      quoted: { source: EXAMPLE.source, destination: EXAMPLE.destination, seq: sequenceNumber(EXAMPLE.seq) },
    };
    expect(decodePacket(icmp({ type: 3, code }))).toEqual({ kind: 'icmp', error });
  });

  it.each([
    [0, 'no route to destination'],
    [1, 'administratively prohibited'],
    [3, 'host unreachable'],
    [4, 'port unreachable'],
    [77, 'unreachable (code 77)'],
  ])('of IPv6 with code %i says: %s', (code, meaning) => {
    const error: IcmpError = {
      source: 'fd00:2::11',
      destination: 'fd00:2::10',
      type: 1,
      code,
      meaning,
      quoted: {
        source: EXAMPLE_V6.source,
        destination: EXAMPLE_V6.destination,
        seq: sequenceNumber(EXAMPLE_V6.seq),
      },
    };
    expect(decodePacket(icmp({ type: 1, code }, EXAMPLE_V6))).toEqual({ kind: 'icmp', error });
  });

  it('may quote no more than eight octets of the segment', () => {
    const error = icmp({ type: 3, code: 3 });
    expect(decodePacket(error.subarray(0, 20 + 8 + 20 + 8))).toEqual(decodePacket(error));
    expect(decodePacket(error.subarray(0, 20 + 8 + 20 + 7))).toBeUndefined();
  });

  it.each([
    ['an echo request', icmp({ type: 8, code: 0 })],
    ['time exceeded', icmp({ type: 11, code: 0 })],
    ['a neighbour solicitation', icmp({ type: 135, code: 0 }, EXAMPLE_V6)],
    ['an error about UDP', withQuotedProtocol(17)],
  ])('is not %s', (_title, packet) => {
    expect(decodePacket(packet)).toBeUndefined();
  });
});

describe('whatever is no whole packet', () => {
  it('is none, and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        decodePacket(bytes);
        checksumsHold(bytes);
      }),
    );
  });

  it('but looks like one is none or has a length of zero or more, and never throws', () => {
    const lookalike = fc
      .tuple(
        fc.constantFrom(0x45, 0x46, 0x4f, 0x40, 0x60),
        fc.constantFrom(1, 6, 58),
        fc.uint8Array({ maxLength: 120 }),
      )
      .map(([first, protocol, bytes]) => {
        if (bytes.length > 0) bytes[0] = first;
        const at = first >> 4 === 4 ? 9 : 6;
        if (bytes.length > at) bytes[at] = protocol;
        return bytes;
      });
    fc.assert(
      fc.property(lookalike, (bytes) => {
        checksumsHold(bytes);
        const decoded = decodePacket(bytes);
        if (decoded?.kind === 'tcp') expect(decoded.segment.length).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 1000 },
    );
  });

  it('because it was cut is none before its TCP header is whole, and the same from there on', () => {
    fc.assert(
      fc.property(segmentToEncode, (segment) => {
        const packet = encodePacket(segment);
        const headers = (segment.source.address.includes(':') ? 40 : 20) + 20;
        for (let length = 0; length <= packet.length; length++) {
          const decoded = decodePacket(packet.subarray(0, length));
          if (length < headers) expect(decoded).toBeUndefined();
          else expect(decoded).toEqual(decodePacket(packet));
        }
      }),
      { numRuns: 20 },
    );
  });
});

const EXAMPLE: SegmentToEncode = {
  source: { address: '192.168.2.10', port: 41234 },
  destination: { address: '192.168.2.11', port: 80 },
  seq: 4_000_000_000,
  ack: null,
  flags: 'S',
  window: 64240,
};

const EXAMPLE_V6: SegmentToEncode = {
  ...EXAMPLE,
  source: { address: 'fd00:2::10', port: 41234 },
  destination: { address: 'fd00:2::11', port: 80 },
};

/** The ICMP error with which the destination of a segment answers it. */
function icmp({ type, code }: { type: number; code: number }, about: SegmentToEncode = EXAMPLE): Buffer {
  const quoted = encodePacket(about);
  const v6 = about.source.address.includes(':');
  const message = Buffer.concat([Buffer.from([type, code, 0, 0, 0, 0, 0, 0]), quoted]);
  const header = Buffer.from(quoted.subarray(0, v6 ? 40 : 20));
  header.set(addressBytes(about.destination.address), v6 ? 8 : 12);
  header.set(addressBytes(about.source.address), v6 ? 24 : 16);
  if (v6) {
    header.writeUInt16BE(message.length, 4);
    header.writeUInt8(58, 6);
  } else {
    header.writeUInt16BE(20 + message.length, 2);
    header.writeUInt8(1, 9);
  }
  return Buffer.concat([header, message]);
}

function withQuotedProtocol(protocol: number): Buffer {
  const packet = icmp({ type: 3, code: 3 });
  packet.writeUInt8(protocol, 20 + 8 + 9);
  return packet;
}

/**
 * Where a flipped bit must be noticed: all of the segment, and of the IP header what is summed. Not the octet that
 * says how long the header is, for it changes what is summed.
 */
function coveredBytes(packet: Buffer): number[] {
  const v6 = packet.readUInt8(0) >> 4 === 6;
  const from = v6 ? 8 : 1;
  return Array.from({ length: packet.length - from }, (_, index) => index + from);
}

/** Captured on the wire between two hosts: a SYN of Linux 6.18. */
const SYN =
  '4500003c910b40004006244bc0a8020ac0a8020b271000508ad4b67f00000000a002faf0e6710000020405b40402080abaa8bdd7000000000103030a';

const SYN_V6 =
  '600f523f00280640fd000002000000000000000000000010fd00000200000000000000000000001127100050bdafd33f00000000a002fd20dabc0000020405a00402080a27c195fc000000000103030a';
