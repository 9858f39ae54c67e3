/** Sequence numbers, and the arithmetic modulo 2³² on them (RFC 9293, 3.4). */

declare const BRAND: unique symbol;

/** An absolute sequence number, 0 … 2³²−1. Only the functions of this file calculate with it: `<` and `+` ignore that it wraps. */
export type SequenceNumber = number & { readonly [BRAND]: 'sequence number' };

/** A number that came from outside as a sequence number: any integer, taken modulo 2³². */
export function sequenceNumber(value: number): SequenceNumber {
  return (value >>> 0) as SequenceNumber;
}

export function seqAdd(seq: SequenceNumber, octets: number): SequenceNumber {
  return sequenceNumber(seq + octets);
}

/** How far `a` is ahead of `b`: negative when it is behind. */
export function seqDistance(a: SequenceNumber, b: SequenceNumber): number {
  return (a - b) | 0;
}
