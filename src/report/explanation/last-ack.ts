import { unacknowledgedFin } from './closing-end.ts';
import type { StateExplanation } from './explanation.ts';

export const lastAck: StateExplanation = {
  what: [
    'The peer closed first, and now this end has closed too. Its FIN is out; the last ACK, after which nothing has to ' +
      'be remembered here, is missing. It should last one round trip.',
  ],
  end: unacknowledgedFin,
  many: [
    'The peers no longer answer: they crashed, roamed, or forgot their FIN-WAIT-2 because this end’s program was late ' +
      'to close; a NAT or firewall that has dropped its state swallows the FIN. A peer that has forgotten and is ' +
      'reached answers with RST, and that ends it as well.',
  ],
  remedy: [
    { run: 'ss -tano state last-ack', does: 'to whom; Send-Q above 1 is data that the peer never took' },
    { run: 'nstat -az TcpExtTCPAbortOnTimeout', does: 'how many were given up' },
    {
      run: 'sysctl -w net.ipv4.tcp_orphan_retries=3',
      does: 'gives them up after some 7 s instead of some 110',
    },
    'In the program: close sooner after the peer’s FIN.',
  ],
  mistakes: [
    'No TIME-WAIT follows: whoever closes second has none.',
    'A conntrack entry in LAST_ACK is not a socket in LAST-ACK: conntrack sees FINs that a packet filter then drops.',
    'tcp_fin_timeout does not count here.',
  ],
};
