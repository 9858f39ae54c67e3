import type { TcpSysctls } from '../../../tcp/sysctls.ts';
import { schedule } from '../../../tcp/timers.ts';
import type { Block } from './explanation.ts';
import { endBy, setting, times } from './words.ts';

/** The end of every state whose FIN is not acknowledged yet: the same timers control them all. */
export function unacknowledgedFin(sysctls: TcpSysctls): Block[] {
  const orphan = schedule('data or FIN', sysctls, { orphan: true });
  const open = schedule('data or FIN', sysctls);
  const eight = sysctls.orphanRetries === 0 ? ', which means 8' : '';
  const most =
    sysctls.maxOrphans === null
      ? 'tcp_max_orphans'
      : `${sysctls.maxOrphans} orphans (net.ipv4.tcp_max_orphans)`;
  return [
    'The time limit depends on whether a process still holds the socket:',
    {
      points: [
        'After close() the socket is orphaned: no process holds it, and the kernel finishes alone. The kernel ' +
          `retransmits the FIN after about ${times(orphan)}. It gives up ` +
          `${endBy(orphan, `${setting('orphanRetries', sysctls)}${eight}`)}.`,
        'After shutdown() the descriptor is still open, and the FIN counts like data. The connection fails with ' +
          `ETIMEDOUT ${endBy(open, setting('retries2', sysctls))}.`,
      ],
    },
    'A FIN that waits behind unsent data is not sent yet, and ss shows a Send-Q of more than 1. If the peer has no space ' +
      'for the data, the persist timer runs instead, and the kernel sends window probes. An orphan then gives up after ' +
      'tcp_orphan_retries unanswered probes. If the peer answers them, it gives up when they are 2 min apart.',
    'Both sysctls are counts, but Linux converts them to time limits. The times above are for a peer with a short ' +
      'round trip; a distant peer gets slightly more.',
    `Beyond ${most}, or when TCP runs out of memory, Linux kills orphans, usually with an RST.`,
  ];
}
