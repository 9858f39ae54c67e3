import type { Endpoint } from './endpoint.ts';
import type { State } from './state.ts';

/** What a kernel tracepoint said about one socket. */
interface TracedSocket {
  /** CLOCK_MONOTONIC, nanoseconds. */
  atNs: bigint;
  /** Whoever ran when it happened: often the softirq's victim, not the socket's owner. */
  pid: number;
  local: Endpoint;
  remote: Endpoint;
  /** The kernel's address of the socket: tells two of the same ports apart while both live. */
  socket: bigint;
}

export type KernelEvent =
  | (TracedSocket & { name: 'inet_sock_set_state'; from: State; to: State })
  | (TracedSocket & {
      name:
        | 'tcp_retransmit_skb'
        | 'tcp_retransmit_synack'
        | 'tcp_send_reset'
        | 'tcp_receive_reset'
        | 'tcp_destroy_sock';
    });

export type KernelEventName = KernelEvent['name'];
