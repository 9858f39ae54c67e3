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

/** One arc that the segments show the end to have taken. */
export interface Step {
  atMs: number;
  arc: Arc;
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
  const knock = end.knock;
  if (!knock?.flags.includes('S') || segment.ack !== seqAdd(knock.seq, 1)) return end;
  const opened: End = {
    ...UNKNOWN_END,
    state: end.state === 'TIME-WAIT' ? 'TIME-WAIT' : 'LISTEN',
    steps: end.steps,
    sendNext: seqAdd(segment.seq, 1),
    receiveNext: segment.ack,
    passive: true,
  };
  return take(opened, 'SYN', atMs);
}

/** An RST is an abort, unless it only refuses an acknowledgment that can't be ours (3.10.7.3, first; 3.10.7.4). */
function sendReset(end: End, segment: Segment, atMs: number): End {
  const refusesAck = segment.ack === null && segment.seq !== end.sendNext;
  const opening = end.state === 'SYN-SENT' || end.state === 'SYN-RECEIVED' || end.state === 'LISTEN';
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
  return receiveText(receiveAck(end, segment, atMs), segment, atMs);
}

/** SYN-SENT has rules of its own (3.10.7.3). */
function receiveInSynSent(end: End, segment: Segment, atMs: number): End {
  const { flags } = segment;
  const acceptableAck = segment.ack === end.sendNext;
  if (segment.ack !== null && !acceptableAck) return end;
  if (flags.includes('R')) return acceptableAck ? take(end, 'RST', atMs) : end;
  if (!flags.includes('S')) return end;
  const synchronized = { ...end, receiveNext: seqAdd(segment.seq, 1) };
  return take(synchronized, acceptableAck ? 'SYN-ACK' : 'SYN', atMs);
}

/** A new connection's SYN. What it does shows in the answer alone; in synchronized states it does nothing (RFC 5961). */
function receiveSyn(end: End, segment: Segment): End {
  const mayOpen =
    end.state === null || end.state === 'LISTEN' || end.state === 'CLOSED' || end.state === 'TIME-WAIT';
  return mayOpen ? { ...end, knock: segment } : end;
}

/** Only an RST at the very next sequence number counts (RFC 5961, 3.2). */
function receiveReset(end: End, segment: Segment, atMs: number): End {
  if (segment.seq !== end.receiveNext) return end;
  return take(end, 'RST', atMs, end.state === 'SYN-RECEIVED' && end.passive ? 'LISTEN' : 'CLOSED');
}

/** Fifth, check the ACK field (3.10.7.4). */
function receiveAck(end: End, segment: Segment, atMs: number): End {
  const { ack } = segment;
  if (ack === null || seqDistance(ack, end.sendNext) > 0 || !isAcceptable(end, segment)) return end;
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

/** First, check the sequence number (3.10.7.4): it ends at or after what we have, and starts in the window. */
function isAcceptable(end: End, segment: Segment): boolean {
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
  const finReceived = segment.flags.includes('F') && end.finReceived === null ? to : end.finReceived;
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

/** Takes the arc of the RFC's table; where there is none, the trigger changes nothing. */
function take(end: End, trigger: Trigger, atMs: number, to?: State): End {
  const arc = end.state === null ? undefined : findArc(end.state, trigger, to);
  return arc ? { ...end, state: arc.to, steps: [...end.steps, { atMs, arc }], knock: null } : end;
}

function furthest(a: number, b: number): number {
  return seqDistance(a, b) >= 0 ? a : b;
}
