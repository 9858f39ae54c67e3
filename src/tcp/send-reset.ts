import { isForeignReset, mayBeOpen } from './foreign.ts';
import type { Moment } from './known.ts';
import { withoutRequest } from './minisocks.ts';
import { end, endOfSegment, find, type Possibility, withDoubt } from './possibility.ts';
import type { Segment } from './segment.ts';
import { isRecent } from './send.ts';

/** An RST that is sent: of a socket that ends, or in answer to a segment for which there is none (RFC 9293, 3.10.7.1). */
export function sendReset(
  socket: Possibility,
  segment: Segment,
  last: Segment | null,
  at: Moment,
): Possibility[] {
  return last !== null && answers(segment, last)
    ? refuse(socket, segment, last, at)
    : abort(socket, segment, last, at);
}

/** Its numbers are those of the segment that it answers (net/ipv4/tcp_ipv4.c, tcp_v4_send_reset). */
function answers(reset: Segment, to: Segment): boolean {
  if (to.flags.includes('R')) return false;
  if (to.ack !== null) return reset.ack === null && reset.seq === to.ack;
  return reset.seq === 0 && reset.ack === endOfSegment(to);
}

function refuse(socket: Possibility, reset: Segment, last: Segment, at: Moment): Possibility[] {
  const { atMs } = at;
  const isSyn = last.ack === null && last.flags.includes('S');
  switch (socket.state) {
    case null:
      return isSyn ? [closed(socket, at)] : withoutSocket(socket, at);
    case 'CLOSED':
      return [closed(socket, at)];
    case 'LISTEN':
      // The request that a SYN has just ended refuses it.
      return [isSyn && !isRecent(socket, at) ? closed(socket, at) : socket];
    case 'SYN-SENT':
      // It refuses what can't acknowledge its SYN (3.10.7.3, first).
      return last.ack !== null && last.ack !== socket.sendNext ? [socket] : [];
    case 'SYN-RECEIVED':
      if (last.ack !== null && last.ack !== socket.sendNext)
        return socket.passive ? [socket, ...withoutListener(socket, at)] : [socket];
      // A full socket sends a challenge ACK instead (RFC 5961, 4.2), so it no longer exists.
      if (isSyn && !socket.passive) return [closed(socket, at)];
      // net.ipv4.tcp_abort_on_overflow.
      return socket.passive ? withoutRequest(socket, 'RST', at) : [end(socket, 'abort', atMs)];
    case 'TIME-WAIT':
      return [];
    default:
      // A socket with a descriptor replies to no segment with RST; data for an orphaned one has ended it by now.
      return reset.seq === socket.sendNext && socket.orphan !== false && isBehindClose(socket)
        ? [end(socket, 'data after close', atMs)]
        : [];
  }
}

/** Its listener may have been closed unseen. */
function withoutListener(request: Possibility, at: Moment): Possibility[] {
  const { listens, calls } = at.known;
  return listens === null && calls !== 'all' ? [withDoubt(closed(request, at), 'listener')] : [];
}

function isBehindClose({ state }: Possibility): boolean {
  return state === 'FIN-WAIT-1' || state === 'FIN-WAIT-2';
}

/** What replies to a segment that is for no connection. */
function withoutSocket(socket: Possibility, at: Moment): Possibility[] {
  const { listens, calls } = at.known;
  const none = closed(socket, at);
  const listener = { ...none, state: 'LISTEN' as const };
  if (listens) return [listener];
  if (listens === false || calls === 'all') return [none];
  return [none, withDoubt(listener, 'listener')];
}

function closed(socket: Possibility, { atMs }: Moment): Possibility {
  return find(socket, 'CLOSED', atMs);
}

/** The program aborts it, an administrator destroys it, or a keepalive gives up: the segment is the same. */
function abort(socket: Possibility, segment: Segment, last: Segment | null, at: Moment): Possibility[] {
  const { atMs } = at;
  // An RST that replies to no segment comes from a firewall and proves nothing about a socket.
  if (socket.state === null) return [last && socket.unanswered ? closed(socket, at) : socket];
  if (socket.gone) return [closed(socket, at)];
  const refusesAck = segment.ack === null && segment.seq !== socket.sendNext;
  switch (socket.state) {
    case 'CLOSED':
      // Without a socket, only what came in is answered: without an ACK, or with 0 for a number.
      return segment.ack !== null && segment.seq !== 0 && socket.doubt !== null ? [] : [socket];
    case 'LISTEN':
      return segment.ack === null || isRecent(socket, at) ? [socket] : [closed(socket, at)];
    case 'SYN-SENT':
    case 'SYN-RECEIVED':
      return [refusesAck ? socket : end(socket, 'abort', atMs)];
    default:
      if (isForeignReset(socket, segment)) return [socket];
      return segment.ack === null
        ? [end(socket, 'abort', atMs), withDoubt(socket, 'foreign')]
        : [end(socket, 'abort', atMs)];
  }
}

/** What an RST shows where no possibility foresaw it: the socket had ended before, silently. */
export function silentlyEnded(socket: Possibility, at: Moment): Possibility[] {
  return mayBeOpen(socket, at) ? [closed(socket, at), withDoubt(socket, 'foreign')] : [closed(socket, at)];
}
