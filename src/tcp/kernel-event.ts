import type { Endpoint } from './endpoint.ts';
import type { State } from './state.ts';

interface Recorded {
  /** CLOCK_MONOTONIC, nanoseconds. */
  atNs: bigint;
  /** The process that ran when it happened: often one that a softirq interrupted, not the socket's owner. */
  pid: number;
  /** The inode number of the network namespace of the event; null if the source does not have it. */
  namespace: number | null;
}

/** What a kernel tracepoint reported about one socket. */
interface TracedSocket extends Recorded {
  local: Endpoint;
  remote: Endpoint;
  /** The kernel's address of the socket: distinguishes two with the same ports while both exist. */
  socket: bigint;
}

export type KernelEvent =
  | (TracedSocket & { name: 'inet_sock_set_state'; from: State; to: State })
  | (TracedSocket & { name: Exclude<KernelEventName, 'inet_sock_set_state'> });

/** The tracepoints of TCP's own. */
export const SOCKET_EVENTS = [
  'inet_sock_set_state',
  'tcp_retransmit_skb',
  'tcp_retransmit_synack',
  'tcp_send_reset',
  'tcp_receive_reset',
  'tcp_destroy_sock',
] as const;
export type KernelEventName = (typeof SOCKET_EVENTS)[number];

/** The kernel dropped a packet, with its reason (tracepoint skb:kfree_skb). */
export interface KernelDrop extends Recorded {
  name: 'kfree_skb';
  /** The name in the running kernel's enum skb_drop_reason, without its prefix: `NO_SOCKET`. */
  reason: string;
  /** The packet from its IP header on; some bytes of it, at least its headers. */
  packet: Buffer;
}

/** A process called the kernel for a TCP socket. */
export interface ProgramCall extends TracedSocket {
  name: 'sys_enter';
  /** Numbers the thread: it makes one call at a time. */
  thread: number;
  /** The thread's name, as in /proc/PID/comm. */
  comm: string;
  /** As in section 2 of the manual: `connect`. */
  call: string;
  fd: number;
  /** The arguments after the descriptor, as strace would show them. */
  detail: string;
}

/** That call returned. */
export interface ProgramReturn extends TracedSocket {
  name: 'sys_exit';
  thread: number;
  comm: string;
  call: string;
  /** What it returned, or the errno's name. */
  result: string;
}

/** A process's last thread ended: the kernel closes what it left open, next. */
export interface ProcessExit extends Recorded {
  name: 'sched_process_exit';
  comm: string;
  /** As a shell gives it: 128 and the signal's number when a signal ended it. */
  status: number;
}

export type KernelRecord = KernelEvent | KernelDrop | ProgramCall | ProgramReturn | ProcessExit;

/** Whether it is a tracepoint of TCP's own. */
export function isOfSocket(record: KernelRecord): record is KernelEvent {
  return record.name === 'inet_sock_set_state' || record.name.startsWith('tcp_');
}
