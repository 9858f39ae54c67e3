import { unacknowledgedFin } from './closing-end.ts';
import type { StateExplanation } from './explanation.ts';

export const lastAck: StateExplanation = {
  brief: 'this end has closed second; the ACK of its FIN is missing',
  what: [
    'The peer closed first, and this end has now closed too. Either its FIN has been sent and the ACK of it has not ' +
      'arrived, or the FIN still waits behind unsent data. When the ACK arrives, the connection is closed and nothing ' +
      'is left to remember. Without such data the state should last one round trip.',
  ],
  end: unacknowledgedFin,
  many: [
    "The peers no longer reply. They crashed or changed networks, or they forgot their FIN-WAIT-2 because this end's " +
      'program closed late. Or a NAT or firewall that has dropped its entry discards the FIN. A peer that has forgotten ' +
      'the connection and receives the FIN replies with RST, which also ends it.',
  ],
  remedy: [
    {
      to: 'See the peers:',
      run: 'ss -tano state last-ack',
      note: 'Send-Q above 1: data that the peer never acknowledged.',
    },
    { to: 'Count the connections that timed out:', run: 'nstat -az TcpExtTCPAbortOnTimeout' },
    {
      to: 'Give them up after about 7 s instead of about 107 s:',
      run: 'sysctl -w net.ipv4.tcp_orphan_retries=3',
    },
    "In the program: close sooner after the peer's FIN.",
  ],
  mistakes: [
    '"TIME-WAIT follows." It does not: the end that closes second has no TIME-WAIT.',
    '"A conntrack entry in LAST_ACK is a socket in LAST-ACK." It need not be: conntrack sees FINs that a packet filter ' +
      'then drops.',
    '"tcp_fin_timeout applies." It does not.',
  ],
};
