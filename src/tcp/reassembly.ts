import { type SequenceNumber, seqDistance } from './sequence.ts';

/** The sequence numbers from one up to another, which is not among them. */
export type Piece = readonly [from: SequenceNumber, to: SequenceNumber];

interface Received {
  receiveNext: SequenceNumber;
  outOfOrder: readonly Piece[];
}

/** How many gaps a receiver is followed through: Linux's own queue is bounded by its buffer. */
const MOST_PIECES = 256;

/** Puts bytes in their place; those beyond a gap wait, in order. The usual case, at either end, costs no search. */
export function receive(
  { receiveNext, outOfOrder }: Received,
  from: SequenceNumber,
  to: SequenceNumber,
): Received {
  if (from === to) return { receiveNext, outOfOrder };
  if (seqDistance(from, receiveNext) > 0) return { receiveNext, outOfOrder: inserted(outOfOrder, from, to) };
  let next = seqDistance(to, receiveNext) > 0 ? to : receiveNext;
  let taken = 0;
  for (const [start, stop] of outOfOrder) {
    if (seqDistance(start, next) > 0) break;
    if (seqDistance(stop, next) > 0) next = stop;
    taken++;
  }
  return { receiveNext: next, outOfOrder: taken > 0 ? outOfOrder.slice(taken) : outOfOrder };
}

function inserted(pieces: readonly Piece[], from: SequenceNumber, to: SequenceNumber): readonly Piece[] {
  const last = pieces.at(-1);
  if (!last || seqDistance(from, last[1]) > 0) return [...pieces.slice(-MOST_PIECES), [from, to]];
  if (seqDistance(from, last[0]) >= 0)
    return seqDistance(to, last[1]) <= 0 ? pieces : [...pieces.slice(0, -1), [last[0], to]];
  const before = pieces.filter((piece) => seqDistance(piece[1], from) < 0);
  const after = pieces.filter((piece) => seqDistance(piece[0], to) > 0);
  const touched = pieces.slice(before.length, pieces.length - after.length);
  const start = touched[0] && seqDistance(touched[0][0], from) < 0 ? touched[0][0] : from;
  const stop = touched.at(-1)?.[1];
  return [...before, [start, stop !== undefined && seqDistance(stop, to) > 0 ? stop : to], ...after];
}
