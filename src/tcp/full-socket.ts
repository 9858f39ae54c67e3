import type { Moment } from './known.ts';
import { changed, end, endOfSegment, type Possibility, take, withDoubt } from './possibility.ts';
import { receive } from './reassembly.ts';
import type { Segment } from './segment.ts';
import { type SequenceNumber, seqAdd, seqDistance } from './sequence.ts';
import type { State } from './state.ts';
import type { SeenSegment } from './syn-options.ts';
import { agreed, peerOffered, placeOf, receiveWindow } from './windows.ts';

/** SYN-SENT has rules of its own (RFC 9293, 3.10.7.3; net/ipv4/tcp_input.c, tcp_rcv_synsent_state_process). */
export function receiveInSynSent(socket: Possibility, segment: SeenSegment, { atMs }: Moment): Possibility {
  const { flags, ack, seq } = segment;
  const acceptableAck =
    ack !== null && seqDistance(ack, socket.initialSent) > 0 && seqDistance(ack, socket.sendNext) <= 0;
  if (ack !== null && !acceptableAck) return socket;
  if (flags.includes('R')) return acceptableAck ? take(socket, 'RST', atMs) : socket;
  if (!flags.includes('S')) return socket;
  // A SYN alone is a simultaneous open if the socket still exists: the reply shows which.
  if (ack === null) return { ...socket, unanswered: segment };
  const open = agreed(synchronized(socket, seq, atMs), socket.ownOptions, segment.options);
  return take(peerOffered(open, ack, segment), 'SYN-ACK', atMs);
}

/** The peer's SYN is known: its number, and the one that is expected next. */
export function synchronized(socket: Possibility, seq: SequenceNumber, atMs: number): Possibility {
  return { ...socket, receiveNext: seqAdd(seq, 1), ackSent: seqAdd(seq, 1), peerSyn: seq, receivedMs: atMs };
}

/** A segment for a socket that is synchronized (net/ipv4/tcp_input.c, tcp_validate_incoming). */
export function receiveInFullSocket(socket: Possibility, segment: Segment, at: Moment): Possibility[] {
  const { flags, seq } = segment;
  const isReset = flags.includes('R');
  if (segment.ack === null && !isReset && !flags.includes('S')) return [socket];
  const place = placeOf(socket, seq, endOfSegment(segment));
  if (place === 'old' || place === 'beyond') {
    return [isReset && isBeforeFin(socket, seq) ? reset(socket, at) : socket];
  }
  if (isReset) return [resets(socket, seq) ? reset(socket, at) : socket];
  if (flags.includes('S') && !isAnswerToCrossedSyn(socket, segment)) return [socket];
  const taken = receiveAck(socket, segment, at);
  return place === 'inside' ? taken : [...taken, withDoubt(socket, 'end of window')];
}

/** RCV.NXT (RFC 5961, 3.2). Linux also accepts RCV.NXT - 1 after a FIN, and the end of the highest SACK block. */
function resets(socket: Possibility, seq: number): boolean {
  const last = socket.sack ? socket.outOfOrder.at(-1) : undefined;
  return seq === socket.receiveNext || isBeforeFin(socket, seq) || seq === last?.[1];
}

const AFTER_FIN: readonly (State | null)[] = ['CLOSE-WAIT', 'CLOSING', 'LAST-ACK'];

/** At RCV.NXT - 1, once a FIN was received (net/ipv4/tcp_input.c, tcp_reset_check). */
function isBeforeFin({ state, receiveNext }: Possibility, seq: number): boolean {
  return AFTER_FIN.includes(state) && seq === seqAdd(receiveNext, -1);
}

function reset(socket: Possibility, { atMs }: Moment): Possibility {
  return end(socket, 'RST', atMs, socket.state === 'SYN-RECEIVED' && socket.passive ? 'LISTEN' : 'CLOSED');
}

/** In a simultaneous open the peer's SYN-ACK is the ACK of our SYN; its SYN is the one that we know. */
function isAnswerToCrossedSyn(socket: Possibility, { seq, ack, length, flags }: Segment): boolean {
  return (
    socket.state === 'SYN-RECEIVED' &&
    !flags.includes('F') &&
    length === 0 &&
    ack === socket.sendNext &&
    seqAdd(seq, 1) === socket.receiveNext
  );
}

/** Fifth, check the ACK field (RFC 9293, 3.10.7.4; net/ipv4/tcp_input.c, tcp_ack). */
export function receiveAck(socket: Possibility, segment: Segment, at: Moment): Possibility[] {
  const ack = segment.ack as SequenceNumber;
  if (seqDistance(ack, socket.sendNext) > 0) return [socket];
  const behind = seqDistance(socket.acknowledged, ack);
  if (behind <= 0) return acknowledgedBy(peerOffered(socket, ack, segment), segment, at);
  if (socket.state === 'SYN-RECEIVED') return [socket];
  const wasAcknowledged = seqDistance(socket.acknowledged, socket.initialSent) - Number(socket.passive);
  const window = socket.peerWindow ?? Number.POSITIVE_INFINITY;
  if (behind > window) return [socket];
  const taken = acknowledgedBy(socket, segment, at);
  return behind > wasAcknowledged ? [...taken, withDoubt(socket, 'old acknowledgment')] : taken;
}

function acknowledgedBy(before: Possibility, segment: Segment, at: Moment): Possibility[] {
  const { atMs } = at;
  // Any number that is not too old will do (tcp_rcv_state_process), also one that acknowledges nothing.
  const socket = before.state === 'SYN-RECEIVED' ? take(before, 'ACK of SYN', atMs) : before;
  const isAll = socket.finSent !== null && socket.acknowledged === seqAdd(socket.finSent, 1);
  if (socket.state === 'LAST-ACK' && isAll) return [take(socket, 'ACK of FIN', atMs)];
  if (socket.state === 'CLOSING' && isAll) return [take(socket, 'ACK of FIN', atMs)];
  if (socket.state !== 'FIN-WAIT-1' || !isAll) return [receiveText(socket, segment, at)];
  if (socket.orphan === true && isNewText(socket, segment))
    return [end(take(socket, 'ACK of FIN', atMs), 'data after close', atMs)];
  const received = receiveText(socket, segment, at);
  if (received.state === 'FIN-WAIT-1') return [take(received, 'ACK of FIN', atMs)];
  // A FIN in the same segment makes it one arc: FIN-WAIT-1 → TIME-WAIT, not by way of FIN-WAIT-2.
  return [
    received.state === 'CLOSING' ? take(socketWith(socket, received), 'FIN with ACK of FIN', atMs) : received,
  ];
}

/** The socket as it was, with what came since. */
function socketWith(socket: Possibility, received: Possibility): Possibility {
  const { state, path } = socket;
  return { ...received, state, path };
}

/** New bytes, or a FIN behind missing ones (net/ipv4/tcp_input.c, tcp_rcv_state_process). */
function isNewText({ receiveNext }: Possibility, segment: Segment): boolean {
  const last = endOfSegment(segment);
  const withoutFin = seqAdd(last, -Number(segment.flags.includes('F')));
  return last !== segment.seq && seqDistance(withoutFin, receiveNext) > 0;
}

/** Seventh and eighth: the text, and the FIN once all before it is here (RFC 9293, 3.10.7.4). */
function receiveText(socket: Possibility, segment: Segment, at: Moment): Possibility {
  const hasFin = AFTER_FIN.includes(socket.state);
  if (hasFin && seqDistance(segment.seq, socket.receiveNext) >= 0) return socket;
  const isShut = hasFin || socket.orphan === true;
  if (isShut && socket.state !== 'ESTABLISHED' && isNewText(socket, segment))
    return end(socket, 'data after close', at.atMs);
  return hasFin ? socket : queueText(socket, segment, at);
}

/** What fits into the window is put in its place (net/ipv4/tcp_input.c, tcp_data_queue). */
function queueText(socket: Possibility, segment: Segment, { atMs }: Moment): Possibility {
  const [from, last] = [segment.seq, endOfSegment(segment)];
  const { receiveNext } = socket;
  if (last === from || seqDistance(last, receiveNext) <= 0) return socket;
  const window = receiveWindow(socket);
  const isBareFin = segment.length === 0 && from === receiveNext;
  if (!isBareFin && seqDistance(from, seqAdd(receiveNext, window)) >= 0) return socket;
  if (!isBareFin && window === 0) return socket;
  const to = seqAdd(from, segment.length);
  const received = receive(socket, from, to);
  // Of two FINs the nearer: one far ahead may be a stray of no account.
  const { finReceived } = socket;
  const nearer = finReceived === null || seqDistance(to, finReceived) < 0;
  const fin = segment.flags.includes('F') && nearer ? to : finReceived;
  // Data beyond a FIN that waits make it old.
  const isPassed = fin !== null && seqDistance(received.receiveNext, fin) > 0;
  const receivedMs = received.receiveNext === receiveNext ? socket.receivedMs : atMs;
  const queued = changed(socket, {
    receiveNext: received.receiveNext,
    outOfOrder: received.outOfOrder,
    receivedMs,
    finReceived: isPassed ? null : fin,
  });
  return queued.finReceived === queued.receiveNext ? receiveFin(queued, atMs) : queued;
}

/** What waits beyond the FIN is thrown away (net/ipv4/tcp_input.c, tcp_fin). */
export function receiveFin(socket: Possibility, atMs: number): Possibility {
  const receiveNext = seqAdd(socket.receiveNext, 1);
  return take({ ...socket, receiveNext, receivedMs: atMs, outOfOrder: [] }, 'FIN', atMs);
}
