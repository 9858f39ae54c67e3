import { type Connection, endOf } from '../evidence/connection.ts';
import type { HostName } from '../evidence/events.ts';
import type { Host } from '../lab/host.ts';
import type { Endpoint } from '../tcp/endpoint.ts';
import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';

/** Segments that are sent past the TCP of their host. */

/**
 * Sends a SYN. The reply shows the state of the other end: SYN-ACK from a listener, RST from an end that is CLOSED, an ACK
 * from a connection (RFC 9293, 3.10.7).
 */
export async function craftSyn(from: Host, source: Endpoint, destination: Endpoint): Promise<void> {
  const seq = Math.floor(Math.random() * 2 ** 32);
  await from.sendSegment({ source, destination, seq, ack: null, flags: 'S', window: 64240 });
}

/** For the end of the other host, which shows its state by its reply. */
export function synFrom(host: HostName): NonNullable<Scenario['show']> {
  return (stage, connection) => {
    const { local, remote } = endOf(connection, host, 'CLOSED');
    return craftSyn(stage[host], local, remote);
  };
}

/** Sends an RST with the very number that the other end expects next (RFC 5961, 3.2). */
export async function craftReset(stage: Stage, connection: Connection, from: HostName): Promise<void> {
  const { local: source, remote: destination } = endOf(connection, from, 'CLOSED');
  const { sendNext: seq } = await stage.fold(connection, from);
  await stage[from].sendSegment({ source, destination, seq, ack: null, flags: 'R', window: 0 });
}
