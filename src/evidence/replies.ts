import type { Trigger } from '../tcp/arcs.ts';
import type { Input } from '../tcp/fold.ts';
import type { Segment } from '../tcp/segment.ts';
import { seqAdd } from '../tcp/sequence.ts';

/**
 * What the RST that an end sent at that time replies to, or the RST that it sent next to what it was given at that time; null
 * where it is not a reply. A reply takes its number from the segment that it refuses (RFC 9293, 3.5.2); an RST that a
 * program or a timer causes carries the socket's own ACK.
 */
export function repliesTo(inputs: readonly Input[], atMs: number): Trigger | null {
  const from = inputs.findIndex((input) => input.atMs === atMs);
  const index = inputs.findIndex((input, each) => each >= from && input.direction === 'sent');
  const reset = isReset(inputs[index]) ? segmentOf(inputs[index]) : undefined;
  if (from < 0 || !reset) return null;
  const before = inputs.slice(0, index).filter(({ direction }) => direction === 'received');
  const refused = segmentOf(before.at(-1));
  if (!refused) return null;
  if (refused.flags === 'S') return reset.ack === seqAdd(refused.seq, 1) ? 'SYN' : null;
  const isReply = reset.ack === null && reset.seq === refused.ack;
  return isReply && refused.length > 0 ? 'data after close' : null;
}

function isReset(input: Input | undefined): boolean {
  return segmentOf(input)?.flags.includes('R') === true;
}

function segmentOf(input: Input | undefined): Segment | undefined {
  return input && 'segment' in input ? input.segment : undefined;
}
