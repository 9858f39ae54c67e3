import { isForeignSegment } from './foreign.ts';
import { receiveFin, synchronized } from './full-socket.ts';
import type { Knowledge, Moment } from './known.ts';
import {
  acknowledgesSyn,
  changed,
  find,
  furthest,
  type Possibility,
  take,
  UNKNOWN,
  withDoubt,
} from './possibility.ts';
import { type SequenceNumber, seqAdd, seqDistance } from './sequence.ts';
import type { State } from './state.ts';
import type { SeenSegment } from './syn-options.ts';
import { agreed, offered } from './windows.ts';

/**
 * The effect of a sent segment on a possibility; none if it contradicts it. Segments and kernel events
 * come from several CPUs: for a moment, a sent segment may be older than a received one.
 */
export function sendSegment(socket: Possibility, segment: SeenSegment, at: Moment): Possibility[] {
  const foreign = isForeignSegment(socket, segment, at);
  if (foreign === true) return [socket];
  if (foreign === null) return [...sendOwn(socket, segment, at), withDoubt(socket, 'foreign')];
  return sendOwn(socket, segment, at);
}

function sendOwn(socket: Possibility, segment: SeenSegment, at: Moment): Possibility[] {
  const { flags } = segment;
  // Others have the numbers of a connection that came after this one.
  if (socket.doubt === 'foreign' && seqDistance(segment.seq, socket.sendNext) > 0) return [];
  if (flags.includes('S'))
    return flags.includes('.') ? sendSynAck(socket, segment, at) : sendSyn(socket, segment, at);
  if (socket.state === null) return [{ ...socket, sendNext: seqAdd(segment.seq, segment.length) }];
  if (socket.gone || !canSend(socket, segment))
    return socket.doubt === null && isRecent(socket, at) ? [socket] : [];
  return confirmed(sendText(offered(socket, segment), segment, at), segment, at);
}

/** Stamps of what is sent and of what comes in agree to about this. */
const RECENT_MS = 5;

export function isRecent({ sinceMs }: Possibility, { atMs }: Moment): boolean {
  return atMs - sinceMs < RECENT_MS;
}

/** CALL OPEN, active. The same SYN again is a retransmission. */
function sendSyn(socket: Possibility, segment: SeenSegment, { atMs, known }: Moment): Possibility[] {
  const isAgain = socket.state !== null && segment.seq === socket.initialSent;
  if (isAgain) return socket.state === 'CLOSED' && socket.doubt !== null ? [] : [socket];
  const before =
    socket.state === null ? { ...socket, state: 'CLOSED' as const } : find(socket, 'CLOSED', atMs);
  const fresh: Possibility = {
    ...UNKNOWN,
    state: 'CLOSED',
    path: before.path,
    doubt: socket.doubt,
    orphan: orphanAtFirst(known),
    initialSent: segment.seq,
    sendNext: seqAdd(segment.seq, 1 + segment.length),
    acknowledged: segment.seq,
    ownOptions: segment.options ?? null,
  };
  return [take(fresh, 'connect', atMs)];
}

/** A TIME-WAIT that is shown to have ended did so before the next connection began. */
function found(socket: Possibility, atMs: number): Possibility {
  return socket.state === 'TIME-WAIT' ? find(socket, 'CLOSED', atMs) : socket;
}

/** Without the calls, close() can't be distinguished from shutdown(). */
function orphanAtFirst({ calls }: Knowledge): boolean | null {
  return calls === 'all' ? false : null;
}

/** The answer to a SYN shows that a listener was there, or that TIME-WAIT gave way (RFC 9293, 3.10.7.4, fourth). */
function sendSynAck(socket: Possibility, segment: SeenSegment, at: Moment): Possibility[] {
  if (!acknowledgesSyn(socket, segment)) return sendSynAckAgain(socket, segment, at);
  const { atMs } = at;
  const unanswered = socket.unanswered as SeenSegment;
  const open = (before: Possibility) => {
    const both = agreed(synchronized(before, unanswered.seq, atMs), segment.options, unanswered.options);
    const fastOpen = segment.ack !== seqAdd(unanswered.seq, 1);
    return take(
      offered({ ...both, fastOpen, receiveNext: segment.ack as SequenceNumber }, segment),
      'SYN',
      atMs,
    );
  };
  if (socket.state === 'SYN-SENT' && segment.seq === socket.initialSent) return [open(socket)];
  // A listener would choose a number of its own; its cookies are the same for a minute.
  const hasEnded = socket.state === 'CLOSED' || (socket.state === 'LISTEN' && !socket.cookie);
  if (hasEnded && socket.doubt !== null && segment.seq === socket.initialSent) return [];
  // Only a listener replies so: the connection that was known here no longer exists.
  const mayGiveWay = socket.state === 'TIME-WAIT' && !socket.gone;
  const before = mayGiveWay ? socket : find(found(socket, atMs), 'LISTEN', atMs);
  const opened: Possibility = {
    ...UNKNOWN,
    state: before.state,
    path: before.path,
    doubt: socket.doubt,
    orphan: orphanAtFirst(at.known),
    initialSent: segment.seq,
    sendNext: seqAdd(segment.seq, 1),
    acknowledged: seqAdd(segment.seq, 1),
    passive: true,
  };
  const request = open(opened);
  // What TIME-WAIT gave way to is a request in any case, and data are accepted for a request alone (tcp_conn_request).
  if (mayGiveWay || request.fastOpen || at.known.synCookies === 'never') return [request];
  const cookie: Possibility = {
    ...request,
    state: 'LISTEN',
    path: opened.path,
    sinceMs: socket.state === 'LISTEN' ? socket.sinceMs : atMs,
    cookie: true,
  };
  return at.known.synCookies === 'always' ? [cookie] : [request, withDoubt(cookie, 'SYN cookie')];
}

/** A listener that forgot its SYN-ACK answers the same SYN with another number, which then counts. */
function sendSynAckAgain(socket: Possibility, segment: SeenSegment, at: Moment): Possibility[] {
  const { seq, ack } = segment;
  if (socket.state === 'SYN-RECEIVED') {
    const isOther = socket.passive && ack === socket.receiveNext && seq !== socket.initialSent;
    if (!isOther) return [socket];
    const next = seqAdd(seq, 1);
    return [{ ...socket, initialSent: seq, sendNext: next, acknowledged: next }];
  }
  // Nothing is kept that could send one again.
  if (socket.cookie && socket.state === 'LISTEN' && socket.doubt !== null) return [];
  const isRequest = socket.passive && seq === socket.initialSent && socket.state === 'ESTABLISHED';
  if (!isRequest || isRecent(socket, at)) return [socket];
  // Only a request socket sends it, and waits for the final ACK.
  return [];
}

/** Whether a socket in such a state sends such a segment. */
function canSend(socket: Possibility, { flags, length, ack, seq }: SeenSegment): boolean {
  const { state, passive, fastOpen, receiveNext, finSent, doubt } = socket;
  // A FIN that was only supposed shows as one by what its end does not send any more.
  const isSupposed = doubt === 'before the capture' || doubt === 'FIN or data';
  if (isSupposed && finSent !== null && seqDistance(seqAdd(seq, length), finSent) > (length > 0 ? 0 : 1))
    return false;
  const isBare = length === 0 && !flags.includes('F');
  switch (state) {
    case 'CLOSED':
    case 'LISTEN':
    case 'SYN-SENT':
      return false;
    case 'SYN-RECEIVED':
      // A call that sends data waits for ESTABLISHED (net/ipv4/tcp.c, tcp_sendmsg_locked).
      if (!passive) return length === 0 || doubt === null;
      return (isBare && ack === receiveNext) || fastOpen;
    case 'FIN-WAIT-2':
    case 'TIME-WAIT':
      return isBare;
    default:
      return true;
  }
}

/** FIN-WAIT-1 and LAST-ACK begin with the call, which the FIN shows if no earlier event did. */
const CLOSES: readonly (State | null)[] = ['SYN-RECEIVED', 'ESTABLISHED', 'CLOSE-WAIT'];

function sendText(socket: Possibility, segment: SeenSegment, { atMs }: Moment): Possibility {
  const last = seqAdd(segment.seq, segment.length);
  const sendNext = furthest(socket.sendNext, last);
  if (!segment.flags.includes('F') || socket.finSent !== null)
    return sendNext === socket.sendNext ? socket : changed(socket, { sendNext });
  const finished = { ...socket, finSent: last, sendNext: seqAdd(last, 1), closing: false };
  return CLOSES.includes(socket.state) ? take(finished, 'close', atMs) : finished;
}

/** An acknowledgment lags behind the received data only while a program has the socket. */
const LAG_MS = 50;

/** What an end acknowledges it has received, and no more. */
function confirmed(socket: Possibility, { ack }: SeenSegment, { atMs }: Moment): Possibility[] {
  if (ack === null || ack === socket.receiveNext) return [socket];
  const ahead = seqDistance(ack, socket.receiveNext) > 0;
  if (ahead && socket.doubt !== null) return [];
  if (ahead) {
    const isFin = socket.finReceived !== null && ack === seqAdd(socket.finReceived, 1);
    const here = { ...socket, receiveNext: isFin ? seqAdd(ack, -1) : ack, heardMs: atMs };
    const kept = here.outOfOrder.filter(([from]) => seqDistance(from, ack) > 0);
    return [isFin ? receiveFin(here, atMs) : { ...here, outOfOrder: kept }];
  }
  if (atMs - socket.receivedMs < LAG_MS) return [socket];
  const hasFin = socket.finReceived !== null && socket.receiveNext === seqAdd(socket.finReceived, 1);
  return hasFin ? [] : [changed(socket, { receiveNext: ack })];
}
