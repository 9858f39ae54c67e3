import type { WirePacket } from '../tcp/segment.ts';
import type { Dropped, HostName, KernelDropped } from './events.ts';
import type { Origin } from './origins.ts';

/** One packet of a connection, from the host that sent it to what became of it. */
export interface Passage {
  atMs: number;
  /** The host that sent it, or in whose name it came from outside. */
  host: HostName;
  wire: WirePacket;
  bytes: string;
  origin: Origin;
  /** Null for an ICMP error. */
  numbers: SentNumbers | null;
  /** When the other host's capture saw it; null when it did not. */
  arrivedMs: number | null;
  /**
   * `lost`: it was sent, nobody dropped it, and it was not seen to arrive. `unseen`: the capture of the other host is not
   * there, or did not keep up. `discarded`: the kernel of either host says that it dropped it, and no rule of the lab did.
   */
  fate: 'delivered' | 'lost' | 'unseen' | { dropped: Dropped } | { discarded: KernelDropped };
}

/** What the segments before it tell of a segment. */
export interface SentNumbers {
  /** From the first sequence number of its sender, as tcpdump prints it. */
  seq: number;
  ack: number | null;
  /** How often it had been sent before. */
  again: number;
  /** A keepalive, or a probe of a zero window. */
  isProbe: boolean;
}
