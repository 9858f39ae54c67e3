import { unacknowledgedFin } from './closing-end.ts';
import type { StateExplanation } from './explanation.ts';

export const finWait1: StateExplanation = {
  brief: 'this end has closed; its FIN is not acknowledged',
  what: [
    'This end has closed first, with close() or shutdown(). Either its FIN has been sent and not been acknowledged yet, ' +
      'or the FIN still waits behind unsent data. Without such data the state should last one round trip, or about ' +
      '40 ms longer if the peer delays its ACK.',
  ],
  end: (sysctls) => [
    ...unacknowledgedFin(sysctls),
    'After close(), data that arrives ends the connection at once: no program can read it, so the kernel sends an RST ' +
      '(RFC 2525, 2.17). After shutdown(), an abort ends it too: close() with SO_LINGER 0 or with unread data.',
  ],
  many: [
    'Either the peers vanished just before this end closed: mobile clients, crashed machines, a firewall that dropped ' +
      'its state. Or the peers keep a zero window: each orphan then holds its unsent data in kernel memory. Attackers ' +
      'have used that.',
  ],
  remedy: [
    {
      to: 'See the queue and the timer with its retransmissions:',
      run: 'ss -tano state fin-wait-1',
      note: 'Send-Q of 1 is the FIN alone; more means data before it.',
    },
    {
      to: 'Count orphans killed for their number or memory, and connections that timed out:',
      run: 'nstat -az TcpExtTCPAbortOnMemory TcpExtTCPAbortOnTimeout',
    },
    {
      to: 'Give up orphans after about 7 s instead of about 107 s:',
      run: 'sysctl -w net.ipv4.tcp_orphan_retries=3',
    },
    {
      to: 'End them now (root; older kernels leave orphans alone):',
      run: 'ss -Kt state fin-wait-1',
    },
    'In the program: set TCP_USER_TIMEOUT before close(). It also applies to the orphan.',
  ],
  mistakes: [
    '"tcp_fin_timeout shortens it." That sysctl is for FIN-WAIT-2.',
    '"close() waits until the data has arrived." It does not, unless SO_LINGER is set. A program may exit while its data ' +
      'is in flight, and never learn that it was lost.',
    '"A row without a process is a bug of some program." Here it is normal: the program called close(), and the kernel ' +
      'finishes the work. (Without root, ss also hides the processes of other users.)',
  ],
};
