import type { Trigger } from './arcs.ts';
import { receiveAck } from './full-socket.ts';
import type { Moment } from './known.ts';
import { end, endOfSegment, find, type Possibility, take, withDoubt } from './possibility.ts';
import type { Segment } from './segment.ts';
import { type SequenceNumber, seqAdd, seqDistance } from './sequence.ts';
import { receiveWindow } from './windows.ts';

/** The sockets that Linux keeps in less than a full one: requests, TIME-WAIT, and orphans in FIN-WAIT-2. */

/** A passive SYN-RECEIVED (net/ipv4/tcp_minisocks.c, tcp_check_req). */
export function receiveInRequest(request: Possibility, segment: Segment, at: Moment): Possibility[] {
  const { closedListener } = at.known;
  if (closedListener && request.sinceMs < closedListener.atMs) {
    const left = afterListener(request, segment, at);
    if (closedListener.isOnly) return left;
    const doubted = left.map((one) => withDoubt(one, 'listener'));
    return [...receiveOfListener(request, segment, at), ...doubted];
  }
  return receiveOfListener(request, segment, at);
}

/** A request outlives its listener until the next segment, whatever that is (tcp_ipv4.c, tcp_v4_rcv): another socket may take that. */
function afterListener(request: Possibility, unanswered: Segment, { atMs, known }: Moment): Possibility[] {
  const closed = { ...find(request, 'CLOSED', atMs, LISTENER_CLOSED), unanswered };
  const listening = { ...find(request, 'LISTEN', atMs, LISTENER_CLOSED), unanswered };
  if (known.listens === null) return [closed, withDoubt(listening, 'listener')];
  return [known.listens ? listening : closed];
}

const LISTENER_CLOSED = 'its listener closed';

function receiveOfListener(request: Possibility, segment: Segment, at: Moment): Possibility[] {
  const { flags, seq, ack } = segment;
  const isSyn = flags.includes('S');
  if (isSyn && ack === null && seq === request.peerSyn && !flags.includes('R')) return [request];
  const isOurs = ack === request.sendNext;
  if (ack !== null && !isOurs && !flags.includes('R')) return [request];
  if (!isInWindow(segment, request.receiveNext, receiveWindow(request))) return [request];
  if (flags.includes('R')) {
    const removed = withoutRequest(request, 'RST', at);
    if (seq === request.receiveNext && (ack === null || isOurs)) return removed;
    const doubted = (each: Possibility) => withDoubt(each, 'RST before a request');
    return seq === request.receiveNext ? [...removed, doubted(request)] : [request, ...removed.map(doubted)];
  }
  if (isSyn && seq !== request.peerSyn) return withoutRequest(request, 'SYN', at);
  if (ack === null) return [request];
  const { hasQueueSpace, isQueueFull, defersAccept } = at.known;
  if (isQueueFull) return [request];
  const isBare = endOfSegment(segment) === seq;
  if (isBare && defersAccept && at.atMs - request.sinceMs < REQUEST_TIMEOUT_MS) return [request];
  const isTaken = hasQueueSpace && !(isBare && defersAccept !== false);
  const established = receiveAck(request, segment, at);
  return isTaken ? established : [...established, withDoubt(request, 'final ACK dropped')];
}

/** The final ACK brings a cookie back, and with that all of which the socket is made (net/ipv4/syncookies.c, cookie_v4_check). */
export function receiveCookie(listener: Possibility, segment: Segment, at: Moment): Possibility[] {
  const { flags, seq, ack } = segment;
  const isCookie = ack === listener.sendNext && seq === listener.receiveNext && !/[SR]/.test(flags);
  if (!isCookie || at.known.isQueueFull) return [listener];
  const made = { ...find(listener, 'ESTABLISHED', at.atMs, MADE_OF_COOKIE), cookie: false };
  const established = receiveAck(made, segment, at);
  return at.known.hasQueueSpace ? established : [...established, withDoubt(listener, 'final ACK dropped')];
}

const MADE_OF_COOKIE = 'the final ACK brings a SYN cookie back, of which Linux makes the socket';

/** Until its timer has expired once, a request drops an ACK without data (TCP_TIMEOUT_INIT; tcp_minisocks.c, tcp_check_req). */
const REQUEST_TIMEOUT_MS = 1000;

/** What is left of a connection that its listener gave up. */
export function withoutRequest(
  request: Possibility,
  trigger: Trigger,
  { atMs, known }: Moment,
): Possibility[] {
  const back = end(request, trigger, atMs, 'LISTEN');
  if (known.listens ?? (known.calls === 'all' && !known.closedListener)) return [back];
  const closed = withDoubt(end(request, trigger, atMs, 'CLOSED'), 'listener');
  return known.listens === false ? [closed] : [back, closed];
}

/** An orphan's FIN-WAIT-2 (net/ipv4/tcp_minisocks.c, tcp_timewait_state_process). */
export function receiveInOrphan(orphan: Possibility, segment: Segment, { atMs }: Moment): Possibility {
  const { flags, seq, ack } = segment;
  const { receiveNext } = orphan;
  if (!isInWindow(segment, receiveNext, receiveWindow(orphan))) return orphan;
  if (flags.includes('R')) return take(orphan, 'RST', atMs);
  if (flags.includes('S') && seqDistance(seq, receiveNext) >= 0) return end(orphan, 'SYN', atMs);
  const last = endOfSegment(segment);
  if (ack === null || last === seq || seqDistance(last, receiveNext) <= 0) return orphan;
  const isFin = flags.includes('F') && last === seqAdd(receiveNext, 1);
  return isFin
    ? take({ ...orphan, receiveNext: last, finReceived: receiveNext, receivedMs: atMs }, 'FIN', atMs)
    : end(orphan, 'data after close', atMs);
}

export function receiveInTimeWait(socket: Possibility, segment: Segment, at: Moment): Possibility[] {
  const { flags, seq, ack } = segment;
  const { atMs, known } = at;
  const { receiveNext } = socket;
  const isReset = flags.includes('R');
  if (isReset) {
    if (seq !== receiveNext) return [socket];
    const ended = take(socket, 'RST', atMs);
    if (known.rfc1337 === null) return [ended, withDoubt(socket, 'rfc1337')];
    return [known.rfc1337 ? socket : ended];
  }
  const isSyn = flags.includes('S') && ack === null;
  if (!isSyn) return [ack === null ? socket : { ...socket, sinceMs: atMs }];
  const waiting = { ...socket, unanswered: segment };
  if (seqDistance(seq, receiveNext) <= 0 || known.listens === false) return [waiting];
  // TIME-WAIT gives way to it even where the listener then drops it: one with a FIN always, one without if its queue is full.
  if (!flags.includes('F') && known.hasQueueSpace) return [waiting];
  const gaveWay = { ...find(socket, 'CLOSED', atMs, GAVE_WAY), unanswered: segment };
  const isIgnored = flags.includes('F') && known.listens === true;
  return isIgnored ? [gaveWay] : [waiting, withDoubt(gaveWay, 'SYN in TIME-WAIT')];
}

/** net/ipv4/tcp_ipv4.c, tcp_v4_rcv: TCP_TW_SYN. */
const GAVE_WAY = 'a listener takes its ports for a new SYN';

/** net/ipv4/tcp_minisocks.c, tcp_in_window. */
function isInWindow(segment: Segment, from: SequenceNumber, window: number): boolean {
  const [seq, last] = [segment.seq, endOfSegment(segment)];
  if (seq === from) return true;
  const to = seqAdd(from, window);
  if (seqDistance(last, from) > 0 && seqDistance(seq, to) < 0) return true;
  return seq === to && seq === last;
}
