import { type Connection, endOf } from '../evidence/connection.ts';
import type { HostName } from '../evidence/events.ts';
import type { Stage } from './scenario.ts';

/** Sends, past the TCP of a host, an RST with the very number that the other end expects next (RFC 5961, 3.2). */
export async function craftReset(stage: Stage, connection: Connection, from: HostName): Promise<void> {
  const { local, remote } = endOf(connection, from, 'CLOSED');
  const { sendNext } = await stage.fold(connection, from);
  await stage[from].sendSegment({
    source: local,
    destination: remote,
    seq: sendNext,
    ack: null,
    flags: 'R',
    window: 0,
  });
}
