/** Arithmetic modulo 2³² on sequence numbers (RFC 9293, 3.4). */

export function seqAdd(seq: number, octets: number): number {
  return (seq + octets) >>> 0;
}

/** How far `a` is ahead of `b`: negative when it is behind. */
export function seqDistance(a: number, b: number): number {
  return (a - b) | 0;
}
