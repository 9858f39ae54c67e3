import type { State } from './state.ts';

/** What makes a connection take an arc: a call of its own program, a segment from the peer, or a timer. */
export type Trigger =
  | 'listen'
  | 'connect'
  | 'send'
  | 'close'
  | 'abort'
  | 'destroy'
  | 'SYN'
  | 'SYN-ACK'
  | 'ACK of SYN'
  | 'FIN'
  | 'ACK of FIN'
  | 'FIN with ACK of FIN'
  | 'data after close'
  | 'RST'
  | 'ICMP unreachable'
  | 'retries exhausted'
  | 'user timeout'
  | 'keepalive exhausted'
  | 'FIN-WAIT-2 timeout'
  | '2 MSL';

/** One transition of the state machine of RFC 9293 (3.3.2, figure 5, and the text of 3.10). */
export interface Arc {
  /** Its number in tcplab's catalogue. Two arcs share one where they differ in the end's history alone. */
  number: number;
  from: State;
  to: State;
  trigger: Trigger;
  /** The clause that asks for it; of RFC 9293 where no other is named. */
  clause: string;
  /** Where Linux takes it: a file of net/ipv4, and its function. */
  kernel: string;
  /** What Linux does in its place, where it never takes it: that can be driven and proven as well. */
  refusal?: string;
}

type Row = [number: number, from: State, to: State, trigger: Trigger, clause: string, kernel: string];

/**
 * What the RFC allows and is not in here, because Linux has no way to it: an ICMP error that ends a synchronized
 * connection (3.9.2.2; tcp_v4_err only notes it), a SYN that does (3.10.7.4; Linux sends the challenge ACK of RFC 5961,
 * 4.2, except from an orphan's FIN-WAIT-2), a user timeout in LISTEN and TIME-WAIT (3.10.8; nothing is sent there that
 * could be late), and a mismatch of security compartments (A.1).
 */
const ROWS: readonly Row[] = [
  [1, 'CLOSED', 'LISTEN', 'listen', '3.10.1', 'inet_connection_sock.c, inet_csk_listen_start'],
  [2, 'CLOSED', 'SYN-SENT', 'connect', '3.10.1', 'tcp_ipv4.c, tcp_v4_connect'],
  [3, 'LISTEN', 'SYN-RECEIVED', 'SYN', '3.10.7.2', 'tcp_input.c, tcp_conn_request'],
  [4, 'LISTEN', 'SYN-SENT', 'connect', '3.10.1', 'af_inet.c, __inet_stream_connect'],
  [5, 'LISTEN', 'CLOSED', 'close', '3.10.4', 'tcp.c, __tcp_close'],
  [6, 'SYN-SENT', 'ESTABLISHED', 'SYN-ACK', '3.10.7.3', 'tcp_input.c, tcp_finish_connect'],
  [7, 'SYN-SENT', 'SYN-RECEIVED', 'SYN', '3.10.7.3', 'tcp_input.c, tcp_rcv_synsent_state_process'],
  [8, 'SYN-SENT', 'CLOSED', 'RST', '3.10.7.3', 'tcp_input.c, tcp_reset'],
  [9, 'SYN-SENT', 'CLOSED', 'ICMP unreachable', '3.9.2.2', 'tcp_ipv4.c, tcp_v4_err'],
  [10, 'SYN-SENT', 'CLOSED', 'retries exhausted', '3.8.3', 'tcp_timer.c, tcp_write_timeout'],
  [11, 'SYN-SENT', 'CLOSED', 'close', '3.10.4', 'tcp.c, __tcp_close'],
  [12, 'SYN-RECEIVED', 'ESTABLISHED', 'ACK of SYN', '3.10.7.4', 'tcp_minisocks.c, tcp_check_req'],
  [13, 'SYN-RECEIVED', 'LISTEN', 'RST', '3.10.7.4', 'tcp_minisocks.c, tcp_check_req'],
  [14, 'SYN-RECEIVED', 'CLOSED', 'RST', '3.10.7.4', 'tcp_input.c, tcp_reset'],
  [15, 'SYN-RECEIVED', 'LISTEN', 'retries exhausted', '3.8.3', 'inet_connection_sock.c, reqsk_timer_handler'],
  [15, 'SYN-RECEIVED', 'CLOSED', 'retries exhausted', '3.8.3', 'tcp_timer.c, tcp_write_timeout'],
  [16, 'SYN-RECEIVED', 'FIN-WAIT-1', 'close', '3.10.4', 'tcp.c, tcp_close_state'],
  [17, 'ESTABLISHED', 'FIN-WAIT-1', 'close', '3.10.4', 'tcp.c, tcp_close_state'],
  [18, 'ESTABLISHED', 'CLOSE-WAIT', 'FIN', '3.10.7.4', 'tcp_input.c, tcp_fin'],
  [19, 'ESTABLISHED', 'CLOSED', 'RST', '3.10.7.4', 'tcp_input.c, tcp_reset'],
  [20, 'ESTABLISHED', 'CLOSED', 'abort', '3.10.5', 'tcp.c, tcp_disconnect'],
  [21, 'ESTABLISHED', 'CLOSED', 'retries exhausted', '3.8.3', 'tcp_timer.c, tcp_write_timeout'],
  [22, 'ESTABLISHED', 'CLOSED', 'keepalive exhausted', '3.8.4', 'tcp_timer.c, tcp_keepalive_timer'],
  [23, 'ESTABLISHED', 'CLOSED', 'destroy', '3.10.5', 'tcp.c, tcp_abort'],
  [24, 'FIN-WAIT-1', 'FIN-WAIT-2', 'ACK of FIN', '3.10.7.4', 'tcp_input.c, tcp_rcv_state_process'],
  [25, 'FIN-WAIT-1', 'CLOSING', 'FIN', '3.10.7.4', 'tcp_input.c, tcp_fin'],
  [26, 'FIN-WAIT-1', 'TIME-WAIT', 'FIN with ACK of FIN', '3.10.7.4', 'tcp_input.c, tcp_fin'],
  [27, 'FIN-WAIT-1', 'CLOSED', 'RST', '3.10.7.4', 'tcp_input.c, tcp_reset'],
  [28, 'FIN-WAIT-1', 'CLOSED', 'retries exhausted', '3.8.3', 'tcp_timer.c, tcp_write_timeout'],
  [29, 'FIN-WAIT-2', 'TIME-WAIT', 'FIN', '3.10.7.4', 'tcp_input.c, tcp_fin'],
  [30, 'FIN-WAIT-2', 'CLOSED', 'RST', '3.10.7.4', 'tcp_input.c, tcp_reset'],
  [31, 'FIN-WAIT-2', 'CLOSED', 'FIN-WAIT-2 timeout', '3.6', 'inet_timewait_sock.c, tw_timer_handler'],
  [32, 'CLOSING', 'TIME-WAIT', 'ACK of FIN', '3.10.7.4', 'tcp_input.c, tcp_rcv_state_process'],
  [33, 'CLOSING', 'CLOSED', 'RST', '3.10.7.4', 'tcp_input.c, tcp_reset'],
  [34, 'CLOSING', 'CLOSED', 'retries exhausted', '3.8.3', 'tcp_timer.c, tcp_write_timeout'],
  [35, 'CLOSE-WAIT', 'LAST-ACK', 'close', '3.10.4', 'tcp.c, tcp_close_state'],
  [36, 'CLOSE-WAIT', 'CLOSED', 'RST', '3.10.7.4', 'tcp_input.c, tcp_reset'],
  [37, 'CLOSE-WAIT', 'CLOSED', 'abort', '3.10.5', 'tcp.c, tcp_disconnect'],
  [38, 'LAST-ACK', 'CLOSED', 'ACK of FIN', '3.10.7.4', 'tcp_input.c, tcp_rcv_state_process'],
  [39, 'LAST-ACK', 'CLOSED', 'RST', '3.10.7.4', 'tcp_input.c, tcp_reset'],
  [40, 'LAST-ACK', 'CLOSED', 'retries exhausted', '3.8.3', 'tcp_timer.c, tcp_write_timeout'],
  [41, 'TIME-WAIT', 'CLOSED', '2 MSL', '3.10.8', 'inet_timewait_sock.c, tw_timer_handler'],
  [42, 'TIME-WAIT', 'CLOSED', 'RST', '3.10.7.4', 'tcp_minisocks.c, tcp_timewait_state_process'],
  [43, 'TIME-WAIT', 'SYN-RECEIVED', 'SYN', '3.10.7.4', 'tcp_minisocks.c, tcp_timewait_state_process'],
  [44, 'LISTEN', 'SYN-SENT', 'send', '3.10.2', 'tcp.c, tcp_sendmsg_locked'],
  [45, 'LISTEN', 'CLOSED', 'abort', '3.10.5', 'tcp.c, __tcp_close'],
  [46, 'LISTEN', 'CLOSED', 'destroy', '3.10.5', 'tcp.c, tcp_abort'],
  [47, 'SYN-SENT', 'CLOSED', 'abort', '3.10.5', 'tcp.c, tcp_disconnect'],
  [48, 'SYN-SENT', 'CLOSED', 'destroy', '3.10.5', 'tcp.c, tcp_abort'],
  [49, 'SYN-SENT', 'CLOSED', 'user timeout', '3.10.8', 'tcp_timer.c, tcp_write_timeout'],
  [50, 'SYN-RECEIVED', 'LISTEN', 'SYN', '3.10.7.4', 'tcp_minisocks.c, tcp_check_req'],
  [51, 'SYN-RECEIVED', 'LISTEN', 'ICMP unreachable', '3.9.2.2', 'tcp_ipv4.c, tcp_req_err'],
  [52, 'SYN-RECEIVED', 'LISTEN', 'destroy', '3.10.5', 'tcp.c, tcp_abort'],
  [53, 'SYN-RECEIVED', 'CLOSED', 'ICMP unreachable', '3.9.2.2', 'tcp_ipv4.c, tcp_v4_err'],
  [54, 'SYN-RECEIVED', 'CLOSED', 'abort', '3.10.5', 'tcp.c, tcp_disconnect'],
  [55, 'SYN-RECEIVED', 'CLOSED', 'destroy', '3.10.5', 'tcp.c, tcp_abort'],
  [56, 'SYN-RECEIVED', 'CLOSED', 'user timeout', '3.10.8', 'tcp_timer.c, tcp_write_timeout'],
  [57, 'ESTABLISHED', 'CLOSED', 'user timeout', '3.10.8', 'tcp_timer.c, tcp_write_timeout'],
  [58, 'FIN-WAIT-1', 'CLOSED', 'data after close', '3.6.1', 'tcp_input.c, tcp_rcv_state_process'],
  [59, 'FIN-WAIT-1', 'CLOSED', 'abort', '3.10.5', 'tcp.c, tcp_disconnect'],
  [60, 'FIN-WAIT-1', 'CLOSED', 'destroy', '3.10.5', 'tcp.c, tcp_abort'],
  [61, 'FIN-WAIT-1', 'CLOSED', 'user timeout', '3.10.8', 'tcp_timer.c, tcp_write_timeout'],
  [62, 'FIN-WAIT-2', 'CLOSED', 'data after close', '3.6.1', 'tcp_minisocks.c, tcp_timewait_state_process'],
  [63, 'FIN-WAIT-2', 'CLOSED', 'SYN', '3.10.7.4', 'tcp_minisocks.c, tcp_timewait_state_process'],
  [64, 'FIN-WAIT-2', 'CLOSED', 'abort', '3.10.5', 'tcp.c, tcp_disconnect'],
  [65, 'FIN-WAIT-2', 'CLOSED', 'destroy', '3.10.5', 'tcp.c, tcp_abort'],
  [66, 'FIN-WAIT-2', 'CLOSED', 'keepalive exhausted', '3.8.4', 'tcp_timer.c, tcp_keepalive_timer'],
  [67, 'FIN-WAIT-2', 'CLOSED', 'user timeout', '3.10.8', 'tcp_timer.c, tcp_keepalive_timer'],
  [68, 'CLOSE-WAIT', 'CLOSED', 'retries exhausted', '3.8.3', 'tcp_timer.c, tcp_write_timeout'],
  [69, 'CLOSE-WAIT', 'CLOSED', 'keepalive exhausted', '3.8.4', 'tcp_timer.c, tcp_keepalive_timer'],
  [70, 'CLOSE-WAIT', 'CLOSED', 'user timeout', '3.10.8', 'tcp_timer.c, tcp_write_timeout'],
  [71, 'CLOSE-WAIT', 'CLOSED', 'destroy', '3.10.5', 'tcp.c, tcp_abort'],
  [72, 'CLOSING', 'CLOSED', 'abort', '3.10.5', 'tcp.c, tcp_disconnect'],
  [73, 'CLOSING', 'CLOSED', 'destroy', '3.10.5', 'tcp.c, tcp_abort'],
  [74, 'CLOSING', 'CLOSED', 'user timeout', '3.10.8', 'tcp_timer.c, tcp_write_timeout'],
  [75, 'LAST-ACK', 'CLOSED', 'abort', '3.10.5', 'tcp.c, tcp_disconnect'],
  [76, 'LAST-ACK', 'CLOSED', 'destroy', '3.10.5', 'tcp.c, tcp_abort'],
  [77, 'LAST-ACK', 'CLOSED', 'user timeout', '3.10.8', 'tcp_timer.c, tcp_write_timeout'],
  [78, 'TIME-WAIT', 'CLOSED', 'abort', '3.10.5', 'tcp.c, __tcp_close'],
  [79, 'TIME-WAIT', 'CLOSED', 'destroy', '3.10.5', 'tcp.c, tcp_abort'],
];

/** What Linux does where it never takes an arc, by its number. */
const REFUSALS: Readonly<Record<number, string>> = {
  4: 'connect() fails with EISCONN',
  44: 'send() fails with EPIPE',
  78: 'TIME-WAIT stays, because no descriptor refers to it',
};

export const ARCS: readonly Arc[] = ROWS.map(([number, from, to, trigger, clause, kernel]): Arc => {
  const refusal = REFUSALS[number];
  return { number, from, to, trigger, clause, kernel, ...(refusal && { refusal }) };
});

/** How many there are to be proven: those that share a number count once. */
export const ARC_COUNT: number = new Set(ARCS.map(({ number }) => number)).size;

const RESETTING: ReadonlySet<State> = new Set([
  'SYN-RECEIVED',
  'ESTABLISHED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSE-WAIT',
]);

/**
 * Whether an abort in this state sends an RST (RFC 9293, 3.10.5; net/ipv4/tcp.c, tcp_need_reset). In the others no segment
 * shows it.
 */
export function abortResets(state: State): boolean {
  return RESETTING.has(state);
}

/**
 * The arc that a trigger takes from a state where Linux takes one and a segment can show it; `to` tells apart those that
 * depend on the end's history.
 */
export function findArc(from: State, trigger: Trigger, to?: State): Arc | undefined {
  if (trigger === 'abort' && !abortResets(from)) return undefined;
  return ARCS.find(
    (arc) => arc.from === from && arc.trigger === trigger && (!to || arc.to === to) && !arc.refusal,
  );
}

/** The trigger as the end of a sentence: `when … the program calls listen()`. */
export function describeTrigger({ from, trigger }: Pick<Arc, 'from' | 'trigger'>): string {
  // shutdown() does not leave the SYN-RECEIVED of a simultaneous open (net/ipv4/tcp.c, tcp_shutdown).
  if (trigger === 'close' && from === 'SYN-RECEIVED') return 'the program calls close()';
  return TRIGGERS[trigger];
}

const TRIGGERS: Readonly<Record<Trigger, string>> = {
  listen: 'the program calls listen()',
  connect: 'the program calls connect()',
  send: 'the program calls send()',
  close: 'the program calls close() or shutdown()',
  abort: 'the program aborts (SO_LINGER with 0 s, or close() with unread data)',
  destroy: 'an administrator destroys the socket (ss -K)',
  SYN: 'a SYN arrives',
  'SYN-ACK': 'a SYN-ACK arrives',
  'ACK of SYN': 'the ACK of its SYN arrives',
  FIN: 'a FIN arrives',
  'ACK of FIN': 'the ACK of its FIN arrives',
  'FIN with ACK of FIN': 'a FIN arrives that also acknowledges its own FIN',
  'data after close': 'data arrives after close(): no program can read it, and the kernel replies with RST',
  RST: 'an RST arrives',
  'ICMP unreachable': 'an ICMP unreachable error arrives',
  'retries exhausted': 'no reply arrives, and the kernel stops retransmitting',
  'user timeout': 'TCP_USER_TIMEOUT runs out before the peer replies',
  'keepalive exhausted': 'the peer answers no keepalive probe',
  'FIN-WAIT-2 timeout': "the peer's FIN does not arrive in time (only an orphan has this timer)",
  '2 MSL': 'the wait of 2 MSL is over (60 s on Linux)',
};
