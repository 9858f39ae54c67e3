import type { HostName } from './host-name.ts';

/** The properties of a lab in its first event. */

export interface KernelEventsAbout {
  by: 'bpf' | 'tracefs';
  /** Null when the kernel's reasons for dropping packets are seen; else why not. */
  noDrops: string | null;
  /** Null when the calls of programs are seen; else why not. */
  noCalls: string | null;
}

/** A host that is somewhere else. */
export interface HostAbout {
  /** As it was named: `ssh:user@a`. */
  place: string;
  /** From uname(2). */
  kernel: string;
  arch: string;
  /** What sets its rules; null when nothing there can. */
  firewall: 'nft' | 'iptables' | null;
  /** How far its clock was ahead of the lab's, and how far that may be wrong, in either direction. */
  clock: { aheadMs: number; errorMs: number };
  /** Null when its kernel's events are seen; else why not. */
  noKernelEvents: string | null;
  kernelEvents?: KernelEventsAbout | undefined;
  /** Null when its packets are; else why not. */
  noPackets: string | null;
}

export interface LabSettings {
  /** By their names in sysctl(8). */
  sysctls?: Partial<Record<HostName, Record<string, string>>>;
  /** Of every socket that tcplab opens there. */
  socketOptions?: Partial<Record<HostName, Record<string, number>>>;
  /** Of the client's first connection. */
  clientPort?: number;
}
