import { unacknowledgedFin } from './closing-end.ts';
import type { StateExplanation } from './explanation.ts';

export const finWait1: StateExplanation = {
  what: [
    'This end has closed first, by close() or shutdown(), and sent its FIN; the peer has not acknowledged it. It should ' +
      'last one round trip, and some 40 ms more if the peer delays its ACK.',
  ],
  end: (sysctls) => [
    ...unacknowledgedFin(sysctls),
    'If unsent data stands before the FIN and the peer’s window is 0, the window is probed instead. For an orphan that ' +
      'ends after as many unanswered probes as tcp_orphan_retries says; or, though they are answered, when they are as ' +
      'far apart as they get.',
  ],
  many: [
    'Peers that vanished just before you closed: phones, crashed machines, a firewall that dropped its state. Or peers ' +
      'that shut their window and let you keep the data: each orphan holds what is unsent, in kernel memory. That has ' +
      'been used for attacks.',
  ],
  remedy: [
    {
      run: 'ss -tano state fin-wait-1',
      does: 'Send-Q: 1 is the bare FIN, more is data before it; the timer and its retries',
    },
    {
      run: 'nstat -az TcpExtTCPAbortOnMemory TcpExtTCPAbortOnTimeout',
      does: 'orphans killed for their number or memory; connections that timed out',
    },
    {
      run: 'sysctl -w net.ipv4.tcp_orphan_retries=3',
      does: 'gives orphans up after some 7 s instead of some 110',
    },
    { run: 'ss -K state fin-wait-1', does: 'ends them now (root; older kernels leave orphans alone)' },
    'In the program: TCP_USER_TIMEOUT, set before close(), holds for the orphan as well.',
  ],
  mistakes: [
    'tcp_fin_timeout has nothing to do with it: that is FIN-WAIT-2.',
    'close() does not wait for the data to arrive (SO_LINGER apart): a program may exit with its data still on the way, ' +
      'and never hear that it was lost.',
    'No process is shown, and none is to blame any more: the kernel finishes the work.',
  ],
};
