import type { State } from './state.ts';

/** What makes a connection take an arc: a call of its own program, a segment from the peer, or a timer. */
export type Trigger =
  | 'listen'
  | 'connect'
  | 'close'
  | 'abort'
  | 'destroy'
  | 'SYN'
  | 'SYN-ACK'
  | 'ACK of SYN'
  | 'FIN'
  | 'ACK of FIN'
  | 'FIN with ACK of FIN'
  | 'RST'
  | 'ICMP unreachable'
  | 'retries exhausted'
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
}

export const ARCS: readonly Arc[] = [
  { number: 1, from: 'CLOSED', to: 'LISTEN', trigger: 'listen', clause: '3.10.1' },
  { number: 2, from: 'CLOSED', to: 'SYN-SENT', trigger: 'connect', clause: '3.10.1' },
  { number: 3, from: 'LISTEN', to: 'SYN-RECEIVED', trigger: 'SYN', clause: '3.10.7.2' },
  { number: 4, from: 'LISTEN', to: 'SYN-SENT', trigger: 'connect', clause: '3.10.1' },
  { number: 5, from: 'LISTEN', to: 'CLOSED', trigger: 'close', clause: '3.10.4' },
  { number: 6, from: 'SYN-SENT', to: 'ESTABLISHED', trigger: 'SYN-ACK', clause: '3.10.7.3' },
  { number: 7, from: 'SYN-SENT', to: 'SYN-RECEIVED', trigger: 'SYN', clause: '3.10.7.3' },
  { number: 8, from: 'SYN-SENT', to: 'CLOSED', trigger: 'RST', clause: '3.10.7.3' },
  { number: 9, from: 'SYN-SENT', to: 'CLOSED', trigger: 'ICMP unreachable', clause: '3.9.2.2' },
  { number: 10, from: 'SYN-SENT', to: 'CLOSED', trigger: 'retries exhausted', clause: '3.8.3' },
  { number: 11, from: 'SYN-SENT', to: 'CLOSED', trigger: 'close', clause: '3.10.4' },
  { number: 12, from: 'SYN-RECEIVED', to: 'ESTABLISHED', trigger: 'ACK of SYN', clause: '3.10.7.4' },
  { number: 13, from: 'SYN-RECEIVED', to: 'LISTEN', trigger: 'RST', clause: '3.10.7.4' },
  { number: 14, from: 'SYN-RECEIVED', to: 'CLOSED', trigger: 'RST', clause: '3.10.7.4' },
  { number: 15, from: 'SYN-RECEIVED', to: 'LISTEN', trigger: 'retries exhausted', clause: '3.8.3' },
  { number: 15, from: 'SYN-RECEIVED', to: 'CLOSED', trigger: 'retries exhausted', clause: '3.8.3' },
  { number: 16, from: 'SYN-RECEIVED', to: 'FIN-WAIT-1', trigger: 'close', clause: '3.10.4' },
  { number: 17, from: 'ESTABLISHED', to: 'FIN-WAIT-1', trigger: 'close', clause: '3.10.4' },
  { number: 18, from: 'ESTABLISHED', to: 'CLOSE-WAIT', trigger: 'FIN', clause: '3.10.7.4' },
  { number: 19, from: 'ESTABLISHED', to: 'CLOSED', trigger: 'RST', clause: '3.10.7.4' },
  { number: 20, from: 'ESTABLISHED', to: 'CLOSED', trigger: 'abort', clause: '3.10.5' },
  { number: 21, from: 'ESTABLISHED', to: 'CLOSED', trigger: 'retries exhausted', clause: '3.8.3' },
  { number: 22, from: 'ESTABLISHED', to: 'CLOSED', trigger: 'keepalive exhausted', clause: '3.8.4' },
  { number: 23, from: 'ESTABLISHED', to: 'CLOSED', trigger: 'destroy', clause: '3.10.5' },
  { number: 24, from: 'FIN-WAIT-1', to: 'FIN-WAIT-2', trigger: 'ACK of FIN', clause: '3.10.7.4' },
  { number: 25, from: 'FIN-WAIT-1', to: 'CLOSING', trigger: 'FIN', clause: '3.10.7.4' },
  { number: 26, from: 'FIN-WAIT-1', to: 'TIME-WAIT', trigger: 'FIN with ACK of FIN', clause: '3.10.7.4' },
  { number: 27, from: 'FIN-WAIT-1', to: 'CLOSED', trigger: 'RST', clause: '3.10.7.4' },
  { number: 28, from: 'FIN-WAIT-1', to: 'CLOSED', trigger: 'retries exhausted', clause: '3.8.3' },
  { number: 29, from: 'FIN-WAIT-2', to: 'TIME-WAIT', trigger: 'FIN', clause: '3.10.7.4' },
  { number: 30, from: 'FIN-WAIT-2', to: 'CLOSED', trigger: 'RST', clause: '3.10.7.4' },
  { number: 31, from: 'FIN-WAIT-2', to: 'CLOSED', trigger: 'FIN-WAIT-2 timeout', clause: '3.6' },
  { number: 32, from: 'CLOSING', to: 'TIME-WAIT', trigger: 'ACK of FIN', clause: '3.10.7.4' },
  { number: 33, from: 'CLOSING', to: 'CLOSED', trigger: 'RST', clause: '3.10.7.4' },
  { number: 34, from: 'CLOSING', to: 'CLOSED', trigger: 'retries exhausted', clause: '3.8.3' },
  { number: 35, from: 'CLOSE-WAIT', to: 'LAST-ACK', trigger: 'close', clause: '3.10.4' },
  { number: 36, from: 'CLOSE-WAIT', to: 'CLOSED', trigger: 'RST', clause: '3.10.7.4' },
  { number: 37, from: 'CLOSE-WAIT', to: 'CLOSED', trigger: 'abort', clause: '3.10.5' },
  { number: 38, from: 'LAST-ACK', to: 'CLOSED', trigger: 'ACK of FIN', clause: '3.10.7.4' },
  { number: 39, from: 'LAST-ACK', to: 'CLOSED', trigger: 'RST', clause: '3.10.7.4' },
  { number: 40, from: 'LAST-ACK', to: 'CLOSED', trigger: 'retries exhausted', clause: '3.8.3' },
  { number: 41, from: 'TIME-WAIT', to: 'CLOSED', trigger: '2 MSL', clause: '3.10.8' },
  { number: 42, from: 'TIME-WAIT', to: 'CLOSED', trigger: 'RST', clause: '3.10.7.4' },
  { number: 43, from: 'TIME-WAIT', to: 'SYN-RECEIVED', trigger: 'SYN', clause: '3.10.7.4' },
];

/** The arc that a trigger takes from a state; `to` tells apart those that depend on the end's history. */
export function findArc(from: State, trigger: Trigger, to?: State): Arc | undefined {
  return ARCS.find((arc) => arc.from === from && arc.trigger === trigger && (!to || arc.to === to));
}

/** The trigger as the end of a sentence: `when … the program calls listen()`. */
export function describeTrigger({ from, trigger }: Pick<Arc, 'from' | 'trigger'>): string {
  // shutdown() does not leave the SYN-RECEIVED of a simultaneous open (net/ipv4/tcp.c, tcp_shutdown).
  if (trigger === 'close' && from === 'SYN-RECEIVED') return 'the program calls close()';
  if (trigger === 'connect' && from === 'LISTEN')
    return `${TRIGGERS.connect} (on Linux it fails with EISCONN)`;
  return TRIGGERS[trigger];
}

const TRIGGERS: Readonly<Record<Trigger, string>> = {
  listen: 'the program calls listen()',
  connect: 'the program calls connect()',
  close: 'the program calls close() or shutdown()',
  abort: 'the program aborts (SO_LINGER with 0 s, or close() with unread data)',
  destroy: 'an administrator destroys the socket (ss -K)',
  SYN: 'a SYN arrives',
  'SYN-ACK': 'a SYN-ACK arrives',
  'ACK of SYN': 'the ACK of its SYN arrives',
  FIN: 'a FIN arrives',
  'ACK of FIN': 'the ACK of its FIN arrives',
  'FIN with ACK of FIN': 'a FIN arrives that also acknowledges its own FIN',
  RST: 'an RST arrives',
  'ICMP unreachable': 'an ICMP unreachable error arrives',
  'retries exhausted': 'no reply arrives, and the kernel stops retransmitting',
  'keepalive exhausted': 'the peer answers no keepalive probe',
  'FIN-WAIT-2 timeout': "the peer's FIN does not arrive in time (only an orphan has this timer)",
  '2 MSL': 'the wait of 2 MSL is over (60 s on Linux)',
};
