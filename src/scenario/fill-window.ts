import type { Connection, ConnectionEnd } from '../evidence/connection.ts';
import { type HostName, otherHost } from '../evidence/events.ts';
import { rowOf } from '../evidence/witness/socket-table.ts';
import type { SocketNumber } from '../lab/host.ts';
import type { Stage } from './stage.ts';

/** Sends until the peer, which does not read, offers no window and the persist timer runs (RFC 9293, 3.8.6.1). */
export async function fillWindow(stage: Stage, end: ConnectionEnd, socket: SocketNumber): Promise<void> {
  const data = Buffer.alloc(16_384);
  await stage.waitFor({ failure: `the ${end.host} did not probe a zero window` }, async () => {
    await stage[end.host].send(socket, data);
    return rowOf((await stage.observe())[end.host], end)?.timer === 'probe';
  });
}

/** The peer reads all that the end sent before its FIN, and the FIN never arrives. */
export async function readButNotFin(
  stage: Stage,
  connection: Connection,
  closer: HostName,
  peerSocket: SocketNumber,
): Promise<void> {
  const peer = otherHost(closer);
  const port = peer === 'server' ? { destinationPort: stage.serverPort } : { sourcePort: stage.serverPort };
  await stage[peer].setRule({ hook: 'in', ...port, flags: 'F', fate: 'drop' });
  await stage.waitFor({ failure: `the ${closer} did not send its FIN` }, async () => {
    while (((await stage[peer].receive(peerSocket))?.length ?? 0) > 0);
    return (await stage.fold(connection, closer)).finSent !== null;
  });
}
