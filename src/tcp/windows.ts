import { changed, furthest, type Possibility } from './possibility.ts';
import type { Segment } from './segment.ts';
import { type SequenceNumber, seqAdd, seqDistance } from './sequence.ts';
import type { SynOptions } from './syn-options.ts';

/** The largest window that scaling allows (RFC 7323, 2.3): a segment beyond it is not for this connection. */
const LARGEST_WINDOW = 2 ** 30;

/** Both SYNs are known: windows are scaled only if both ask for it, and SACK is used only if both permit it. */
export function agreed(end: Possibility, ours?: SynOptions | null, theirs?: SynOptions): Possibility {
  if (!ours || !theirs) return { ...end, scale: null, peerScale: null, sack: false };
  const isScaled = ours.windowScale !== null && theirs.windowScale !== null;
  return {
    ...end,
    scale: isScaled ? ours.windowScale : 0,
    peerScale: isScaled ? theirs.windowScale : 0,
    sack: ours.sack && theirs.sack,
  };
}

/** How much the peer may still send: the offered window without the received part of it. */
export function receiveWindow({ edge, receiveNext }: Possibility): number {
  return edge === null ? LARGEST_WINDOW : Math.max(0, seqDistance(edge, receiveNext));
}

/** Where a segment lies (net/ipv4/tcp_input.c, tcp_sequence). `over the end`: it begins in the window and ends beyond it. */
export type Place = 'old' | 'inside' | 'over the end' | 'beyond';

export function placeOf(end: Possibility, seq: SequenceNumber, endSeq: SequenceNumber): Place {
  if (seqDistance(endSeq, end.ackSent) < 0) return 'old';
  const edge = seqAdd(end.receiveNext, receiveWindow(end));
  if (seqDistance(seq, edge) > 0) return 'beyond';
  return seqDistance(endSeq, edge) > 0 ? 'over the end' : 'inside';
}

/** The window that a sent segment offers. Linux never shrinks it. */
export function offered(end: Possibility, { ack, window, flags }: Segment): Possibility {
  if (ack === null) return end;
  const scale = flags.includes('S') ? 0 : end.scale;
  const edge = scale === null ? null : seqAdd(ack, window * 2 ** scale);
  const kept = edge !== null && end.edge !== null ? furthest(end.edge, edge) : edge;
  return changed(end, { ackSent: furthest(end.ackSent, ack), edge: kept });
}

/** The window that the peer offers with an acknowledgment. */
export function peerOffered(end: Possibility, ack: SequenceNumber, { window, flags }: Segment): Possibility {
  const scale = flags.includes('S') ? 0 : end.peerScale;
  if (scale === null) return changed(end, { acknowledged: furthest(end.acknowledged, ack) });
  const size = window * 2 ** scale;
  return changed(end, {
    acknowledged: furthest(end.acknowledged, ack),
    peerEdge: seqAdd(ack, size),
    peerWindow: Math.max(end.peerWindow ?? 0, size),
  });
}

/** Whether a FIN could leave at once: nothing is under way before which data may wait, and the peer's window has space. */
export function couldSendFin({ sendNext, acknowledged, peerEdge }: Possibility): boolean {
  const isIdle = seqDistance(sendNext, acknowledged) <= 0;
  return isIdle && (peerEdge === null || seqDistance(peerEdge, sendNext) > 0);
}
