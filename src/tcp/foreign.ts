import type { Moment } from './known.ts';
import type { Possibility } from './possibility.ts';
import type { Segment } from './segment.ts';
import { seqDistance } from './sequence.ts';
import type { State } from './state.ts';

/** Segments that another process sends in a socket's name (raw(7), packet(7)): Linux does not send them, or no call asked for them. */

/** TIME-WAIT is not a full socket. */
const SYNCHRONIZED: ReadonlySet<State | null> = new Set([
  'ESTABLISHED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSE-WAIT',
  'CLOSING',
  'LAST-ACK',
]);

/** Null if it may be the socket's own, because a program's call may be unseen. */
export function isForeignSegment(
  socket: Possibility,
  { flags, seq, ack }: Segment,
  at: Moment,
): boolean | null {
  if (socket.gone || !SYNCHRONIZED.has(socket.state)) return false;
  if (flags.includes('S')) {
    const isNew = ack === null && seq !== socket.initialSent;
    return isNew && at.known.inConnect !== true && isUncalled(socket, at);
  }
  if (ack === null) return true;
  if (!flags.includes('F') || socket.finSent !== null) return false;
  return seqDistance(seq, socket.sendNext) > 0 || isUncalled(socket, at);
}

/** An abort acknowledges, and its number is the next (net/ipv4/tcp_output.c, tcp_send_active_reset). */
export function isForeignReset({ acknowledged, sendNext }: Possibility, { seq, ack }: Segment): boolean {
  if (ack === null) return seq !== sendNext;
  return seqDistance(seq, acknowledged) < 0 || seqDistance(seq, sendNext) > 0;
}

/** Whether a socket may still be open although a segment in its name shows it closed. */
export function mayBeOpen(socket: Possibility, { known }: Moment): boolean {
  return isOpen(socket) && !socket.gone && known.maker !== null;
}

/** Of tcplab's own calls none is ever missing. */
function isUncalled(socket: Possibility, { known: { maker } }: Moment): boolean | null {
  if (!isOpen(socket) || socket.inClose || maker === null) return false;
  return maker === 'tcplab' ? true : null;
}

/** Until a call closes it. */
function isOpen({ state }: Possibility): boolean {
  return state === 'ESTABLISHED' || state === 'CLOSE-WAIT';
}
