import { type KernelEventName, SOCKET_EVENTS } from '../../tcp/kernel-event.ts';
import { SOCKET_ADDRESS_BYTES } from '../socket-address.ts';

/**
 * What a program writes into the ring for each event: where each field is, in bytes from the beginning of the record. The
 * programs write it (programs.ts) and records.ts reads it; nobody else knows of it.
 */
export const RECORD = {
  /** Nanoseconds on the machine's monotonic clock, whatever time namespace this process is in. */
  at: 0,
  /** As this process's PID namespace numbers them; 0 for a process outside it. */
  pid: 8,
  thread: 12,
  /** The kernel's address of the socket; 0 without one. */
  socket: 16,
  /** Inode number of the network namespace. */
  namespace: 24,
  /** The index in EVENT_NAMES. */
  event: 28,
  /** By event: see programs.ts. */
  first: 32,
  second: 40,
  family: 48,
  localPort: 50,
  remotePort: 52,
  state: 54,
  localV4: 56,
  remoteV4: 60,
  localV6: 64,
  remoteV6: 80,
  comm: 96,
  /** A packet from its IP header on, or the arguments of a call. */
  rest: 112,
} as const;

/** Of a packet: the IP header and TCP's, each with all its options. */
export const PACKET_BYTES = 128;
/** Of a call: five arguments of 8 bytes, and what one of them points to (struct sockaddr_in6 is the largest). */
export const CALL_ARGUMENTS = 5;
export const POINTED_BYTES: number = SOCKET_ADDRESS_BYTES;
const CALL_BYTES = CALL_ARGUMENTS * 8 + 32;

/** How long a record is, by what `rest` holds: multiples of 8. */
export const RECORD_BYTES: Readonly<Record<'bare' | 'packet' | 'call', number>> = {
  bare: RECORD.rest,
  packet: RECORD.rest + PACKET_BYTES,
  call: RECORD.rest + CALL_BYTES,
};

const OF_CALLS = ['sys_enter', 'sys_exit', 'sched_process_exit'] as const;
export type RawEventName = KernelEventName | 'kfree_skb' | (typeof OF_CALLS)[number];

/** In which order the record's `event` counts them. */
export const EVENT_NAMES: readonly RawEventName[] = [...SOCKET_EVENTS, 'kfree_skb', ...OF_CALLS];
