import type { Event } from './events.ts';
import { fits, fitsRow } from './fits.ts';
import type { Row } from './rows.ts';

export type Line = [events: string, rows: string, file: string, what: string];

/** Why Linux differs: a file of net/ipv4 with its function, and what it does there. */
export const REASONS: readonly Line[] = [
  ['syn+fin', 'LISTEN', 'tcp_input.c, tcp_rcv_state_process', 'a SYN with a FIN is dropped'],
  ['call-connect', 'LISTEN', 'af_inet.c, __inet_stream_connect', "a listener can't connect: EISCONN"],
  [
    'icmp-soft',
    'SYN-SENT SYN-RECEIVED_(active)',
    'tcp_ipv4.c, tcp_v4_err',
    'in the handshake every unreachable error ends the connection',
  ],
  ['icmp-soft', 'SYN-RECEIVED', 'tcp_ipv4.c, tcp_req_err', 'host unreachable removes the request'],
  [
    'syn-new syn+data syn+fin syn-ack-win',
    'SYN-RECEIVED',
    'tcp_minisocks.c, tcp_check_req',
    'the request is removed, and an RST is sent',
  ],
  [
    'syn-ack-badack fin-again data-out data-old',
    'SYN-RECEIVED',
    'tcp_minisocks.c, tcp_check_req',
    'an unacceptable ACK is answered before the sequence number is checked',
  ],
  [
    'ack-una fin fin+data fin-future data data-future urg fin-again data-old',
    'SYN-RECEIVED_(active)',
    'tcp_input.c, tcp_ack',
    'an ACK that acknowledges nothing completes the handshake',
  ],
  [
    'rst-old',
    'CLOSE-WAIT CLOSING LAST-ACK',
    'tcp_input.c, tcp_reset_check',
    "an RST with the number of the peer's FIN resets",
  ],
  [
    'fin-future',
    'FIN-WAIT-1_(closed) FIN-WAIT-2_(closed)',
    'tcp_input.c, tcp_rcv_state_process; tcp_minisocks.c, tcp_timewait_state_process',
    'a FIN beyond the next number shows that data is lost, and counts as data after close()',
  ],
  [
    'ack-too-new rst-out rst-old',
    'FIN-WAIT-2_(closed)',
    'tcp_minisocks.c, tcp_timewait_state_process',
    'without a full socket only the sequence number is checked, also of an RST',
  ],
  [
    'syn+fin',
    'TIME-WAIT',
    'tcp_input.c, tcp_rcv_state_process',
    'the SYN ends the TIME-WAIT, and the listener drops it because of its FIN',
  ],
  [
    'rst-win',
    'TIME-WAIT',
    'tcp_minisocks.c, tcp_timewait_state_process',
    'an RST with another number than the next is dropped, with no challenge ACK',
  ],
  ['call-abort', 'TIME-WAIT', 'tcp.c, __tcp_close', 'no descriptor refers to the TIME-WAIT, so it stays'],
];

/** Null where it is not known. */
export function reasonOf(row: Row, event: Event): string | null {
  const line = REASONS.find(([events, rows]) => fits(events, event.name) && fitsRow(rows, row));
  return line ? `${line[3]} (net/ipv4/${line[2]})` : null;
}
