import type { Input } from '../tcp/fold.ts';
import { type DropEffect, dropEffect } from './drop-reasons.ts';
import type { SeenPacket } from './seen-packet.ts';

/** An input of an end, as far as it is known. */
export type SeenInput = Input & {
  /** Why it can't be known whether it had an effect. */
  doubt?: string;
};

/** Makes what arrives at one end, and what it sends, into what its TCP was given. */
export class Inputs {
  /** A handshake is open for as long as only SYNs have come. */
  #isOpen = false;

  sent(atMs: number, wire: SeenPacket): SeenInput | undefined {
    return wire.kind === 'tcp' ? { atMs, direction: 'sent', segment: wire.segment } : undefined;
  }

  /** The part of an arrived segment that the kernel used. `reason`: why the kernel dropped it, if it did. */
  received(atMs: number, wire: SeenPacket, reason: string | undefined): SeenInput | undefined {
    const effect = reason === undefined ? 'processed' : this.#effectOf(reason, wire);
    if (effect === 'unprocessed') return undefined;
    const doubt =
      effect === 'unknown'
        ? { doubt: `the kernel dropped a packet, and tcplab does not know what ${reason} means` }
        : {};
    if (wire.kind === 'icmp') return { atMs, direction: 'received', icmp: wire.error, ...doubt };
    const { segment } = wire;
    this.#isOpen ||= !segment.flags.includes('S');
    const bare = { ...segment, flags: segment.flags.replace('F', ''), length: 0 };
    const used = effect === 'acknowledgment only' ? bare : segment;
    return { atMs, direction: 'received', segment: used, ...doubt };
  }

  /** An independent copy. */
  copy(): Inputs {
    const copy = new Inputs();
    copy.#isOpen = this.#isOpen;
    return copy;
  }

  #effectOf(reason: string, wire: SeenPacket): DropEffect {
    if (wire.kind === 'icmp') return dropEffect(reason, { direction: 'received' });
    const state = this.#isOpen ? 'ESTABLISHED' : 'SYN-RECEIVED';
    return dropEffect(reason, { direction: 'received', segment: wire.segment, state });
  }
}
