import { endOfSegment, furthest } from '../../tcp/possibility.ts';
import { type Piece, receive } from '../../tcp/reassembly.ts';
import { type SequenceNumber, seqAdd, seqDistance } from '../../tcp/sequence.ts';
import type { SeenSegment } from '../../tcp/syn-options.ts';

/** What a segment is after those that its end sent before it. */
type Kind = 'new' | 'again' | 'probe';

/** Segments that may leave before the first ACK (net/ipv4/tcp.c, TCP_INIT_CWND), and how long one is at most without offloads. */
const [INITIAL_WINDOW, USUAL_MSS] = [10, 1448];

/** Counts what one end sent, as the capture has it. */
export class Sender {
  segments = 0;
  /** Payload, each byte once. */
  bytes = 0;
  retransmissions = 0;
  /** Keepalives and probes of a zero window: one byte before what is expected, without news. */
  probes = 0;
  zeroWindows = 0;
  resets = 0;
  syn: SequenceNumber | null = null;
  /** How often its SYN, its SYN-ACK and its FIN were sent. */
  syns = 0;
  synAcks = 0;
  fins = 0;
  fin: SequenceNumber | null = null;
  finMs: number | null = null;
  /** What its first FIN acknowledged. */
  finAck: SequenceNumber | null = null;
  /** Whether the capture lacks something that it sent, by what the peer acknowledged. */
  hasGaps = false;
  /** Whether its FIN was sent although the peer's was here already. */
  finKnewPeers = false;
  /** The end of all it sent; what it acknowledged last; its window, scaled where that is known. */
  next: SequenceNumber | null = null;
  acknowledges: SequenceNumber | null = null;
  window: number | null = null;
  scale: number | null = null;
  lastMs = 0;
  /** The last that was sent of it was the answer to a probe. */
  answeredProbe = false;
  lastWasProbe = false;
  /** It has retransmitted since the peer last acknowledged something new. */
  isRepeating = false;
  #longest = 1;
  #seen: { receiveNext: SequenceNumber; outOfOrder: readonly Piece[] } | null = null;

  add(atMs: number, segment: SeenSegment, peer: Sender): void {
    const { flags, seq, ack, length, window } = segment;
    this.segments++;
    this.lastMs = atMs;
    const end = endOfSegment(segment);
    const kind = this.#kindOf(segment, end, peer);
    if (flags.includes('R')) {
      this.resets++;
      return;
    }
    if (kind === 'again') this.retransmissions++;
    this.isRepeating ||= kind === 'again';
    this.#longest = Math.max(this.#longest, Math.min(length, USUAL_MSS));
    if (kind === 'probe') this.probes++;
    if (flags.includes('S')) {
      this.syn = seq;
      if (flags.includes('.')) this.synAcks++;
      else this.syns++;
      this.scale = segment.options?.windowScale ?? null;
    }
    if (flags.includes('F')) {
      this.fins++;
      if (this.fin === null) {
        this.fin = seqAdd(end, -1);
        this.finMs = atMs;
        this.finAck = ack;
        this.finKnewPeers = peer.fin !== null && ack !== null && seqDistance(ack, peer.fin) > 0;
      }
    }
    this.answeredProbe = kind === 'new' && length === 0 && peer.probes > 0 && peer.lastWasProbe;
    this.lastWasProbe = kind === 'probe';
    if (kind === 'new') this.bytes += length;
    this.next = this.next === null ? end : furthest(this.next, end);
    this.#seen = this.#seen ? receive(this.#seen, seq, end) : { receiveNext: end, outOfOrder: [] };
    if (ack !== null) {
      if (this.acknowledges === null || seqDistance(ack, this.acknowledges) > 0) {
        this.acknowledges = ack;
        peer.isRepeating = false;
      }
      this.window = window;
      if (window === 0) this.zeroWindows++;
    }
  }

  /** Of a probe that began the capture, the answer shows that the next number is one more. */
  assume(next: SequenceNumber): void {
    this.next = next;
    this.#seen = { receiveNext: next, outOfOrder: [] };
    this.probes++;
    this.lastWasProbe = true;
  }

  /** Whether unsent data, and a FIN behind them, may wait for an ACK (net/ipv4/tcp_output.c, tcp_cwnd_test, tcp_snd_wnd_test). */
  mayHoldBack(peer: Sender): boolean {
    const waiting = this.unacknowledgedBy(peer);
    if (peer.window === 0) return true;
    if (waiting === 0) return false;
    const isWindowKnown = peer.window !== null && peer.scale !== null && this.scale !== null;
    const window = isWindowKnown ? (peer.window ?? 0) * 2 ** (peer.scale ?? 0) : Number.POSITIVE_INFINITY;
    return this.isRepeating || waiting >= INITIAL_WINDOW * this.#longest || waiting + this.#longest > window;
  }

  /** What the peer acknowledges and the capture does not have: up to there, each once. */
  missingBelow(ack: SequenceNumber): Piece | null {
    if (!this.#seen || seqDistance(ack, this.#seen.receiveNext) <= 0) return null;
    const piece: Piece = [this.#seen.receiveNext, ack];
    this.hasGaps = true;
    this.#seen = receive(this.#seen, ...piece);
    this.next = this.next === null ? ack : furthest(this.next, ack);
    return piece;
  }

  /** Bytes that the peer has not acknowledged, a SYN or FIN counted as none. */
  unacknowledgedBy(peer: Sender): number {
    if (this.next === null || peer.acknowledges === null) return 0;
    const isFin = this.fin !== null && seqDistance(peer.acknowledges, this.fin) <= 0;
    return Math.max(0, seqDistance(this.next, peer.acknowledges) - Number(isFin));
  }

  isFinAcknowledgedBy(peer: Sender): boolean {
    return this.isFinIn(peer.acknowledges);
  }

  /** Whether a number acknowledges its FIN. */
  isFinIn(ack: SequenceNumber | null): boolean {
    return this.fin !== null && ack !== null && seqDistance(ack, this.fin) > 0;
  }

  #kindOf(segment: SeenSegment, end: SequenceNumber, peer: Sender): Kind {
    const { seq, flags, length } = segment;
    if (this.next === null) return 'new';
    const isBare = end === seq;
    if (!/[SFR]/.test(flags) && length <= 1 && seq === seqAdd(this.next, -1) && this.#isIdle(seq, peer))
      return 'probe';
    if (isBare || flags.includes('R')) return 'new';
    return seqDistance(end, this.next) <= 0 ? 'again' : 'new';
  }

  /** Of what it sent, the peer has acknowledged all: so a segment that begins one before the next is a probe. */
  #isIdle(seq: SequenceNumber, peer: Sender): boolean {
    return peer.acknowledges !== null && seqDistance(peer.acknowledges, seq) > 0;
  }
}
