import { type Arc, findArc, type Trigger } from './arcs.ts';
import type { IcmpError, Segment } from './segment.ts';
import { seqAdd, seqDistance } from './sequence.ts';
import type { State } from './state.ts';

/**
 * What one end of one connection sent or was really given: segments that a rule kept from it are not in here,
 * those that it sent are, whatever became of them.
 */
export type Input =
  | { atMs: number; direction: 'sent' | 'received'; segment: Segment }
  | { atMs: number; direction: 'received'; icmp: IcmpError };

/** One change of state that the segments show. */
export interface Step {
  atMs: number;
  from: State;
  to: State;
  /** Null when the end was found changed, by something that sends no segment: a timer, or a call. */
  arc: Arc | null;
}

/**
 * An end as its segments tell it. The state is null until they tell one: a SYN that came in may have met a
 * listener, a full queue or no socket at all.
 */
export interface End {
  readonly state: State | null;
  readonly steps: readonly Step[];
  /** Our next sequence number, and the one of our FIN. */
  readonly sendNext: number;
  readonly finSent: number | null;
  /** The next sequence number expected from the peer, and the one of its FIN if that has been seen. */
  readonly receiveNext: number;
  readonly finReceived: number | null;
  /** The sequence number of the peer's SYN: the same SYN again is no new connection's. */
  readonly peerSyn: number | null;
  /** Octets that came ahead of a gap: [from, to) pairs. */
  readonly ahead: readonly (readonly [number, number])[];
  /** What came in for no connection that we know of, and has not been answered. */
  readonly knock: Segment | null;
  /** Whether this connection came from a listener, to which an RST in SYN-RECEIVED returns it. */
  readonly passive: boolean;
}

export const UNKNOWN_END: End = {
  state: null,
  steps: [],
  sendNext: 0,
  finSent: null,
  receiveNext: 0,
  finReceived: null,
  peerSyn: null,
  ahead: [],
  knock: null,
  passive: false,
};

/** Folds the segments of one end of one connection, in the order of time, into its state. */
export function foldEnd(inputs: Iterable<Input>): End {
  let end = UNKNOWN_END;
  for (const input of inputs) end = advance(end, input);
  return end;
}

export function advance(end: End, input: Input): End {
  if ('icmp' in input) return receiveIcmp(end, input.icmp, input.atMs);
  return input.direction === 'sent'
    ? send(end, input.segment, input.atMs)
    : receive(end, input.segment, input.atMs);
}

/** What an end sends tells which call its program made (or that it has no socket). */
function send(end: End, segment: Segment, atMs: number): End {
  const { flags } = segment;
  if (flags.includes('R')) return sendReset(end, segment, atMs);
  if (flags.includes('S') && !flags.includes('.')) return sendSyn(end, segment, atMs);
  if (flags.includes('S')) return sendSynAck(end, segment, atMs);
  const last = seqAdd(segment.seq, segment.length);
  const sent = { ...end, sendNext: furthest(end.sendNext, last) };
  if (!flags.includes('F') || end.finSent !== null) return sent;
  return take({ ...sent, finSent: last, sendNext: seqAdd(last, 1) }, 'close', atMs);
}

/** CALL OPEN, active. The same SYN again is a retransmission. */
function sendSyn(end: End, segment: Segment, atMs: number): End {
  const fresh = { ...UNKNOWN_END, steps: end.steps, sendNext: seqAdd(segment.seq, 1) };
  if (end.state === null || end.state === 'CLOSED')
    return take({ ...fresh, state: 'CLOSED' }, 'connect', atMs);
  return end;
}

/** The answer to a SYN shows that a listener was there, or that TIME-WAIT gave way (RFC 9293, 3.10.7.4, fourth). */
function sendSynAck(end: End, segment: Segment, atMs: number): End {
  if (!answersKnock(end, segment)) return answerAgain(end, segment);
  if (end.state === 'SYN-SENT' && seqAdd(segment.seq, 1) === end.sendNext) {
    return take(synchronized(end, seqAdd(segment.ack ?? 0, -1)), 'SYN', atMs);
  }
  // Only a listener answers so: the connection that was known here is gone.
  const before = end.state === 'TIME-WAIT' ? end : find(end, 'LISTEN', atMs);
  const opened: End = {
    ...UNKNOWN_END,
    state: before.state,
    steps: before.steps,
    sendNext: seqAdd(segment.seq, 1),
    passive: true,
  };
  return take(synchronized(opened, seqAdd(segment.ack ?? 0, -1)), 'SYN', atMs);
}

/** A listener that forgot its SYN-ACK answers the same SYN with another number, which then counts. */
function answerAgain(end: End, { seq, ack }: Segment): End {
  const sameSyn = end.passive && end.state === 'SYN-RECEIVED' && ack === end.receiveNext;
  return sameSyn ? { ...end, sendNext: seqAdd(seq, 1) } : end;
}

/** An RST is an abort, unless it only refuses an acknowledgment that can't be ours (3.10.7.3, first; 3.10.7.4). */
function sendReset(end: End, segment: Segment, atMs: number): End {
  if (answersKnock(end, segment)) return find(end, 'CLOSED', atMs);
  const refusesAck = segment.ack === null && segment.seq !== end.sendNext;
  if (end.state === 'LISTEN' && segment.ack === null) return end;
  const opening = end.state === 'SYN-SENT' || end.state === 'SYN-RECEIVED';
  if (opening && refusesAck) return end;
  // Without a segment that it answers, it comes from a firewall and says nothing of a socket.
  if (end.state === null) return end.knock ? { ...end, state: 'CLOSED', knock: null } : end;
  const arc = findArc(end.state, 'abort');
  return arc ? take(end, 'abort', atMs) : { ...end, state: 'CLOSED' };
}

function receive(end: End, segment: Segment, atMs: number): End {
  const { flags } = segment;
  if (end.state === 'SYN-SENT') return receiveInSynSent(end, segment, atMs);
  if (flags.includes('S') && !flags.includes('.')) return receiveSyn(end, segment);
  if (end.state === null) return { ...end, knock: segment };
  if (end.state === 'CLOSED' || end.state === 'LISTEN') return end;
  if (flags.includes('R')) return receiveReset(end, segment, atMs);
  if (!isAcceptable(end, segment)) return end;
  return receiveText(receiveAck(end, segment, atMs), segment, atMs);
}

/** SYN-SENT has rules of its own (3.10.7.3). */
function receiveInSynSent(end: End, segment: Segment, atMs: number): End {
  const { flags } = segment;
  const acceptableAck = segment.ack === end.sendNext;
  if (segment.ack !== null && !acceptableAck) return end;
  if (flags.includes('R')) return acceptableAck ? take(end, 'RST', atMs) : end;
  if (!flags.includes('S')) return end;
  // A SYN alone opens simultaneously if the socket is still there: the answer tells.
  if (!acceptableAck) return { ...end, knock: segment };
  return take(synchronized(end, segment.seq), 'SYN-ACK', atMs);
}

/** The peer's SYN is known: its number, and the one that is expected next. */
function synchronized(end: End, seq: number): End {
  return { ...end, receiveNext: seqAdd(seq, 1), peerSyn: seq };
}

/** A new connection's SYN. What it does shows in the answer alone: a connection that stands only acknowledges (RFC 5961). */
function receiveSyn(end: End, segment: Segment): End {
  const known =
    end.peerSyn === segment.seq && end.state !== null && end.state !== 'CLOSED' && end.state !== 'LISTEN';
  return known ? end : { ...end, knock: segment };
}

/** Only an RST at the very next sequence number counts (RFC 5961, 3.2). */
function receiveReset(end: End, segment: Segment, atMs: number): End {
  if (segment.seq !== end.receiveNext) return end;
  return take(end, 'RST', atMs, end.state === 'SYN-RECEIVED' && end.passive ? 'LISTEN' : 'CLOSED');
}

/** Fifth, check the ACK field (3.10.7.4). */
function receiveAck(end: End, segment: Segment, atMs: number): End {
  const { ack } = segment;
  if (end.state === 'SYN-RECEIVED' && ack === end.sendNext) {
    // In a simultaneous open the peer's SYN-ACK is the ACK of our SYN; its SYN is the one that we know.
    return take(end, 'ACK of SYN', atMs);
  }
  if (end.finSent === null || ack !== seqAdd(end.finSent, 1)) return end;
  // A FIN in the same segment makes it one arc: FIN-WAIT-1 → TIME-WAIT, not by way of FIN-WAIT-2.
  if (end.state === 'FIN-WAIT-1' && finishesWith(end, segment)) return end;
  return take(end, 'ACK of FIN', atMs);
}

/** The largest window that scaling allows (RFC 7323, 2.3): what lies beyond it can't be for this connection. */
const LARGEST_WINDOW = 2 ** 30;

/**
 * First and fifth (3.10.7.4): it ends at or after what we have and starts in the window, and what it acknowledges has
 * been sent; while a handshake is open, that is our SYN. Without ACK a segment is dropped.
 */
function isAcceptable(end: End, segment: Segment): boolean {
  if (segment.ack === null || seqDistance(segment.ack, end.sendNext) > 0) return false;
  if (end.state === 'SYN-RECEIVED' && segment.ack !== end.sendNext) return false;
  const controls = Number(segment.flags.includes('S')) + Number(segment.flags.includes('F'));
  const last = seqAdd(segment.seq, segment.length + controls);
  return (
    seqDistance(last, end.receiveNext) >= 0 && seqDistance(segment.seq, end.receiveNext) < LARGEST_WINDOW
  );
}

/** Seventh and eighth: the text, and the FIN once all before it is here (3.10.7.4). */
function receiveText(end: End, segment: Segment, atMs: number): End {
  if (end.state === null || end.state === 'SYN-SENT' || end.state === 'CLOSED') return end;
  const heard = hear(end, segment);
  const finNow = heard.finReceived !== null && heard.receiveNext === heard.finReceived;
  if (!finNow) return heard;
  const acknowledged = end.finSent !== null && segment.ack === seqAdd(end.finSent, 1);
  const bundled = end.state === 'FIN-WAIT-1' && acknowledged;
  return take(
    { ...heard, receiveNext: seqAdd(heard.receiveNext, 1) },
    bundled ? 'FIN with ACK of FIN' : 'FIN',
    atMs,
  );
}

function finishesWith(end: End, segment: Segment): boolean {
  const heard = hear(end, segment);
  return heard.finReceived !== null && heard.receiveNext === heard.finReceived;
}

/** Puts a segment's octets in their place; those beyond a gap wait. */
function hear(end: End, segment: Segment): End {
  const synOctet = segment.flags.includes('S') ? 1 : 0;
  const from = seqAdd(segment.seq, synOctet);
  const to = seqAdd(from, segment.length);
  // Of two FINs the nearer: one far ahead may be a stray of no account.
  const nearer = end.finReceived === null || seqDistance(to, end.finReceived) < 0;
  const finReceived = segment.flags.includes('F') && nearer ? to : end.finReceived;
  let ahead = [...end.ahead, [from, to] as const].filter(([start, stop]) => start !== stop);
  let receiveNext = end.receiveNext;
  for (;;) {
    const fits = ahead.find(([start]) => seqDistance(start, receiveNext) <= 0);
    if (!fits) break;
    receiveNext = furthest(receiveNext, fits[1]);
    ahead = ahead.filter((piece) => piece !== fits);
  }
  return { ...end, receiveNext, finReceived, ahead };
}

/** A hard error while opening ends it; later it is only a hint (3.9.2.2). It must quote what we sent. */
function receiveIcmp(end: End, icmp: IcmpError, atMs: number): End {
  const ours = end.state === 'SYN-SENT' && icmp.quoted.seq === seqAdd(end.sendNext, -1);
  return ours ? take(end, 'ICMP unreachable', atMs) : end;
}

/** Whether a segment that is sent acknowledges the SYN that came in, and nothing else. */
export function answersKnock({ knock }: End, { ack }: Segment): boolean {
  return knock?.flags.includes('S') === true && ack === seqAdd(knock.seq, 1);
}

/** The end shows itself in a state that no segment has led to. */
function find(end: End, to: State, atMs: number): End {
  const { state: from } = end;
  const known = from === null || from === to || (from === 'CLOSED' && to === 'LISTEN');
  const steps = known ? end.steps : [...end.steps, { atMs, from, to, arc: null }];
  return { ...end, state: to, steps, knock: null };
}

/** Takes the arc of the RFC's table; where there is none, the trigger changes nothing. */
function take(end: End, trigger: Trigger, atMs: number, to?: State): End {
  const arc = end.state === null ? undefined : findArc(end.state, trigger, to);
  if (!arc) return end;
  return {
    ...end,
    state: arc.to,
    steps: [...end.steps, { atMs, from: arc.from, to: arc.to, arc }],
    knock: null,
  };
}

function furthest(a: number, b: number): number {
  return seqDistance(a, b) >= 0 ? a : b;
}
