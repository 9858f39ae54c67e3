import type { TcpSysctls } from '../../tcp/sysctls.ts';
import { schedule } from '../../tcp/timers.ts';
import type { Block } from './explanation.ts';
import { end, setting, times } from './words.ts';

/** The end of all states in which a FIN of ours is under way: the same timers rule them. */
export function unacknowledgedFin(sysctls: TcpSysctls): Block[] {
  const orphan = schedule('data or FIN', sysctls, { orphan: true });
  const open = schedule('data or FIN', sysctls);
  const eight = sysctls.orphanRetries === 0 ? ', which means 8' : '';
  const most =
    sysctls.maxOrphans === null
      ? 'tcp_max_orphans'
      : `${sysctls.maxOrphans} orphans (net.ipv4.tcp_max_orphans)`;
  return [
    'Who holds the socket decides. After close() it is the kernel’s alone, an orphan: the FIN is sent again after about ' +
      `${times(orphan)}, and it is given up ${end(orphan)} (${setting('orphanRetries', sysctls)}${eight}).`,
    'After shutdown(), with the descriptor still open, it is given up like data, with ETIMEDOUT, ' +
      `${end(open)} (${setting('retries2', sysctls)}).`,
    'Both are for a peer nearby; one far away is waited for a little longer. Like all of Linux’s retries these stand ' +
      `for a time and not for a number. Beyond ${most}, or when TCP’s memory runs out, orphans are killed, as a rule with an RST.`,
  ];
}
