import type { Endpoint } from '../src/tcp/endpoint.ts';
import type { Input } from '../src/tcp/fold.ts';
import type { Segment } from '../src/tcp/segment.ts';
import { sequenceNumber } from '../src/tcp/sequence.ts';
import type { State } from '../src/tcp/state.ts';

/**
 * An independent model of TCP by RFC 9293, 3.10, which shares no code with the fold. It counts bytes from the SYN (0), keeps
 * a set of those received, and uses numbers modulo 2^32 only on the wire.
 */
export class ModelEnd {
  state: State = 'CLOSED';
  /** What packets tell of it, in order. */
  readonly inputs: Input[] = [];
  /** Whether it has done something that no segment shows. */
  secret = false;
  /** Whether a segment has left that tells its state. */
  shown = false;
  readonly #self: Endpoint;
  readonly #other: Endpoint;
  readonly #emit: (segment: Segment) => void;
  #isn: number;
  #peerIsn = 0;
  #passive = false;
  /** Bytes sent, including SYN and FIN, and how many of them are acknowledged. */
  #sent = 0;
  #acknowledged = 0;
  #fin: number | undefined;
  #heard = new Set<number>();
  #peerFin: number | undefined;

  constructor(self: Endpoint, other: Endpoint, isn: number, emit: (segment: Segment) => void) {
    this.#self = self;
    this.#other = other;
    this.#isn = isn;
    this.#emit = emit;
  }

  listen(): void {
    if (this.state !== 'CLOSED' || this.inputs.length > 0) return;
    this.state = 'LISTEN';
    this.#passive = true;
  }

  connect(): void {
    if (this.state !== 'CLOSED' || this.#sent > 0) return;
    this.state = 'SYN-SENT';
    this.#sent = 1;
    this.#send('S', 0);
  }

  write(octets: number): void {
    if (this.state !== 'ESTABLISHED' && this.state !== 'CLOSE-WAIT') return;
    this.#sent += octets;
    this.#send('P.', this.#sent - octets, octets);
  }

  close(): void {
    if (this.state === 'SYN-SENT') {
      this.#become('CLOSED');
      this.secret = true;
    }
    const opened = this.state === 'ESTABLISHED' || (this.state === 'SYN-RECEIVED' && !this.#passive);
    if (!opened && this.state !== 'CLOSE-WAIT') return;
    this.#become(this.state === 'CLOSE-WAIT' ? 'LAST-ACK' : 'FIN-WAIT-1');
    this.#fin = this.#sent++;
    this.#send('F.', this.#fin);
  }

  abort(): void {
    const opened = ['ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSE-WAIT'].includes(this.state);
    if (!opened && (this.state !== 'SYN-RECEIVED' || this.#passive)) return;
    this.#become('CLOSED');
    this.#send('R.', this.#sent);
  }

  /** Retransmits what is not acknowledged: all of it, or its last byte. */
  retransmit(onlyTheLast: boolean): void {
    if (this.#acknowledged >= this.#sent) return;
    switch (this.state) {
      case 'SYN-SENT':
        this.#send('S', 0);
        return;
      case 'SYN-RECEIVED':
        this.#send('S.', 0);
        return;
      case 'ESTABLISHED':
      case 'CLOSE-WAIT':
      case 'FIN-WAIT-1':
      case 'CLOSING':
      case 'LAST-ACK': {
        const from = Math.max(1, onlyTheLast ? this.#sent - 1 : this.#acknowledged);
        const octets = this.#sent - from - (this.#fin === undefined ? 0 : 1);
        this.#send(this.#fin === undefined ? 'P.' : 'F.', from, Math.max(0, octets));
      }
    }
  }

  /** SEGMENT ARRIVES. */
  receive(segment: Segment): void {
    this.inputs.push({ atMs: this.#nowMs(), direction: 'received', segment });
    if (this.state === 'CLOSED') this.#refuse(segment);
    else if (this.state === 'LISTEN') this.#receiveInListen(segment);
    else if (this.state === 'SYN-SENT') this.#receiveInSynSent(segment);
    else this.#receiveOpened(segment);
  }

  #receiveOpened(segment: Segment): void {
    const { flags } = segment;
    const from = (segment.seq - this.#peerIsn) | 0;
    const next = this.#next();
    const controls = Number(flags.includes('S')) + Number(flags.includes('F'));
    // Linux takes the acknowledgment of what it has already heard, too (tcp_sequence: not before rcv_wup).
    const acceptable = from + segment.length + controls >= next;
    if (flags.includes('R')) {
      // Linux also takes the one before, once a FIN was heard (tcp_reset_check).
      const afterFin = ['CLOSE-WAIT', 'CLOSING', 'LAST-ACK'].includes(this.state);
      if (from === next || (afterFin && from === next - 1))
        this.#become(this.#passive && this.state === 'SYN-RECEIVED' ? 'LISTEN' : 'CLOSED');
      return;
    }
    const itsSynAgain = this.state === 'SYN-RECEIVED' && from === 0 && next === 1;
    const ack = segment.ack === null ? Number.POSITIVE_INFINITY : (segment.ack - this.#isn) | 0;
    if (itsSynAgain && flags === 'S') {
      this.#send('S.', 0);
    } else if (!acceptable || (flags.includes('S') && !itsSynAgain) || segment.ack === null) {
      this.#answer();
    } else if (this.state === 'SYN-RECEIVED' && ack !== this.#sent) {
      this.#send('R', ack, 0, null);
    } else if (ack > this.#sent) {
      this.#answer();
    } else {
      this.#accept(segment, from, ack);
    }
  }

  #accept({ flags, length }: Segment, from: number, ack: number): void {
    if (this.state === 'SYN-RECEIVED') this.#become('ESTABLISHED');
    this.#acknowledged = Math.max(this.#acknowledged, ack);
    for (let octet = from; octet < from + length; octet++) this.#heard.add(octet);
    if (flags.includes('F')) this.#peerFin ??= from + length;
    this.#settle();
    if (length > 0 || /[SF]/.test(flags)) this.#answer();
  }

  /** Where the acknowledgment of our FIN, and the peer's FIN with all before it, lead. */
  #settle(): void {
    const finished = this.#fin !== undefined && this.#acknowledged > this.#fin;
    const heardFin = this.#peerFin !== undefined && this.#heardTo() === this.#peerFin;
    if (heardFin) this.#heard.add(this.#peerFin ?? 0);
    switch (this.state) {
      case 'ESTABLISHED':
        if (heardFin) this.#become('CLOSE-WAIT');
        return;
      case 'FIN-WAIT-1':
        if (finished) this.#become(heardFin ? 'TIME-WAIT' : 'FIN-WAIT-2');
        else if (heardFin) this.#become('CLOSING');
        return;
      case 'FIN-WAIT-2':
        if (heardFin) this.#become('TIME-WAIT');
        return;
      case 'CLOSING':
        if (finished) this.#become('TIME-WAIT');
        return;
      case 'LAST-ACK':
        if (finished) this.#become('CLOSED');
    }
  }

  #receiveInListen(segment: Segment): void {
    if (segment.flags.includes('R')) return;
    if (segment.ack !== null) this.#refuse(segment);
    if (segment.ack !== null || !segment.flags.includes('S')) return;
    // A sequence number of its own for each connection that comes from the listener.
    this.#isn = (this.#isn + 0x2000_0003 * this.#sent) >>> 0;
    this.#become('SYN-RECEIVED');
    this.#synchronize(segment);
    this.#sent = 1;
    this.#acknowledged = 0;
    this.#send('S.', 0);
  }

  #receiveInSynSent(segment: Segment): void {
    const { flags } = segment;
    const ack = segment.ack === null ? null : (segment.ack - this.#isn) | 0;
    if (ack !== null && ack !== 1) {
      if (!flags.includes('R')) this.#send('R', ack, 0, null);
      return;
    }
    if (flags.includes('R')) {
      if (ack === 1) this.#become('CLOSED');
      return;
    }
    if (!flags.includes('S')) return;
    this.#synchronize(segment);
    if (ack === 1) {
      this.#acknowledged = 1;
      this.#become('ESTABLISHED');
      this.#answer();
    } else {
      this.#become('SYN-RECEIVED');
      this.#send('S.', 0);
    }
  }

  #synchronize(segment: Segment): void {
    this.#peerIsn = segment.seq;
    this.#heard = new Set([0]);
    this.#peerFin = undefined;
  }

  /** The answer of a host that has no such connection. */
  #refuse(segment: Segment): void {
    if (segment.flags.includes('R')) return;
    if (segment.ack !== null) {
      this.#sendWire('R', segment.ack, null, 0);
    } else {
      const controls = Number(segment.flags.includes('S')) + Number(segment.flags.includes('F'));
      this.#sendWire('R.', 0, (segment.seq + segment.length + controls) >>> 0, 0);
    }
  }

  /** Long enough after the input before it for nothing to be under way any more. */
  #nowMs(): number {
    return 100 * this.inputs.length;
  }

  #answer(): void {
    this.#send('.', this.#sent);
  }

  #become(state: State): void {
    this.state = state;
  }

  #heardTo(): number {
    let octet = 0;
    while (this.#heard.has(octet)) octet++;
    return octet;
  }

  /** The next byte expected from the peer. */
  #next(): number {
    return this.#heardTo();
  }

  #send(flags: string, from: number, length = 0, ack: number | null | undefined = undefined): void {
    const acknowledges = flags.includes('.') && ack !== null;
    const wireAck = acknowledges ? (this.#peerIsn + this.#next()) >>> 0 : null;
    this.#sendWire(flags, (this.#isn + from) >>> 0, wireAck, length);
  }

  #sendWire(flags: string, seq: number, ack: number | null, length: number): void {
    const numbers = { seq: sequenceNumber(seq), ack: ack === null ? null : sequenceNumber(ack) };
    const segment = {
      source: this.#self,
      destination: this.#other,
      ...numbers,
      flags,
      window: 65535,
      length,
    };
    this.inputs.push({ atMs: this.#nowMs(), direction: 'sent', segment });
    this.shown = true;
    this.#emit(segment);
  }
}
