import type { Endpoint } from '../tcp/endpoint.ts';
import type { KernelRecord } from '../tcp/kernel-event.ts';

export interface ConnectionEnds {
  local: Endpoint;
  remote: Endpoint;
}

/** The source of the kernel's TCP events. */
export interface KernelSource {
  readonly by: 'bpf' | 'tracefs';
  /** What this source can't report, and why; null for what it can. */
  readonly without: { drops: string | null; calls: string | null };
  /** A small number that no other tcplab on this machine has now; null if records contain their namespace, so none is needed. */
  readonly slot: number | null;
  /** Reports what happens in a network namespace, by its inode number, from now on. */
  watch(namespace: number): void;
  forget(namespace: number): void;
  /** Whether to report the calls of processes in there as well. */
  watchCalls(wanted: boolean): void;
  /** What happened between the last call and this one, on all processors, in the order of time. */
  read(): KernelRecord[];
  /** The namespaces that lost records since the last call: the records of these are incomplete. */
  takeLost(): readonly number[] | 'all';
  /** The ends of a socket that is in SYN-SENT now; undefined if it is not, or if that is unknown. */
  connecting(socket: bigint): ConnectionEnds | undefined;
  close(): Promise<void>;
}
