import type { WirePacket } from '../tcp/segment.ts';
import type { Dropped, HostName, KernelDropped } from './events.ts';
import type { Origin } from './origins.ts';

/** One packet of a connection, from the host that sent it to what became of it. */
export interface Passage {
  atMs: number;
  /** The host that sent it, or whose address a packet from outside has. */
  host: HostName;
  wire: WirePacket;
  bytes: string;
  origin: Origin;
  /** Null for an ICMP error. */
  numbers: SentNumbers | null;
  /** When the other host's capture saw it; null when it did not. */
  arrivedMs: number | null;
  /**
   * `lost`: it was sent, no drop was reported, and no arrival was seen. `unseen`: the capture of the other host is not
   * there, or did not keep up. `discarded`: the kernel of either host reports a drop, by no rule of the lab.
   */
  fate: 'delivered' | 'lost' | 'unseen' | { dropped: Dropped } | { discarded: KernelDropped };
}

/** What earlier segments show about a segment. */
export interface SentNumbers {
  /** From the first sequence number of its sender, as tcpdump prints it. */
  seq: number;
  ack: number | null;
  /** How often it had been sent before. */
  again: number;
  /** A keepalive, or a probe of a zero window. */
  isProbe: boolean;
}
