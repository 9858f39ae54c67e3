import type { ConnectionEnd } from '../evidence/connection.ts';
import { rowOf } from '../evidence/witness/socket-table.ts';
import type { SocketNumber } from '../lab/host.ts';
import type { Stage } from './scenario.ts';

/** Sends until the peer, which does not read, offers no window and the persist timer runs (RFC 9293, 3.8.6.1). */
export async function fillWindow(stage: Stage, end: ConnectionEnd, socket: SocketNumber): Promise<void> {
  const data = Buffer.alloc(16_384);
  await stage.waitFor({ failure: `the ${end.host} did not probe a zero window` }, async () => {
    await stage[end.host].send(socket, data);
    return rowOf((await stage.observe())[end.host], end)?.timer === 'probe';
  });
}
