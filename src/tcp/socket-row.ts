import type { Endpoint } from './endpoint.ts';
import type { State } from './state.ts';

/** The timer that runs for a socket, as sock_diag names it (net/ipv4/inet_diag.c, inet_diag_msg.idiag_timer). */
export type SocketTimer = 'none' | 'retransmission' | 'keepalive' | 'time-wait' | 'probe';

/** One row of a host's socket table. */
export interface SocketRow {
  state: State;
  local: Endpoint;
  /** Port 0 and the unspecified address when there is no peer. */
  remote: Endpoint;
  timer: SocketTimer;
  /** Until the timer fires; null when none runs. */
  expiresMs: number | null;
  /** Retransmissions (or probes) since the last progress. */
  retransmits: number;
  /** Bytes not yet read; for a listener the connections in its accept queue. */
  receiveQueue: number;
  /** Bytes not yet acknowledged; for a listener its backlog. */
  sendQueue: number;
  /** 0 when no descriptor refers to the socket: never accepted, orphaned, a request, or TIME-WAIT. */
  inode: number;
  uid: number;
  /** The socket's cookie, which the kernel makes at the first query (hexadecimal). */
  cookie: string;
  info: TcpInfo | null;
}

/** What is used of struct tcp_info (include/uapi/linux/tcp.h). Times in milliseconds. */
export interface TcpInfo {
  rtoMs: number;
  backoff: number;
  /** Zero-window or keepalive probes sent and not answered. */
  probes: number;
  rttMs: number;
  congestionWindow: number;
  unacknowledged: number;
  totalRetransmits: number;
}
