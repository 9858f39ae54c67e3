import { SystemError } from '../error.ts';
import type { SocketTable } from '../kernel/sock-diag.ts';
import type { SocketRow } from '../tcp/socket-row.ts';

/** An orphan that retransmits its FIN would keep the namespace until the kernel gives up on it, after minutes. */
export function endOrphans(
  table: SocketTable,
  rows: readonly Pick<SocketRow, 'state' | 'local' | 'remote'>[],
): void {
  for (const { state, local, remote } of rows) {
    if (state === 'LISTEN' || state === 'TIME-WAIT') continue;
    try {
      table.destroy(local, remote);
    } catch (error) {
      // Already closed, or a kernel without CONFIG_INET_DIAG_DESTROY.
      if (!(error instanceof SystemError)) throw error;
    }
  }
}
