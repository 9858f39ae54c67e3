import { type Endpoint, sameEndpoint } from '../tcp/endpoint.ts';
import type { Segment, WirePacket } from '../tcp/segment.ts';
import type { State } from '../tcp/state.ts';
import { type HostName, otherHost } from './host-name.ts';

export interface Connection {
  client: Endpoint;
  server: Endpoint;
}

/** One end of a connection, seen from its host. */
export interface ConnectionEnd {
  host: HostName;
  local: Endpoint;
  remote: Endpoint;
  /** Whether the socket meant is the one that listens for such connections. */
  listening: boolean;
}

/** The end that "`host` is in `state`" refers to. */
export function endOf(connection: Connection, host: HostName, state: State): ConnectionEnd {
  const listening = state === 'LISTEN';
  const { client, server } = connection;
  return host === 'client' || isSelf(connection)
    ? { host: isSelf(connection) ? 'client' : host, local: client, remote: server, listening }
    : { host, local: server, remote: client, listening };
}

/** Whether one socket of the client, connected to itself, is both ends. */
export function isSelf({ client, server }: Connection): boolean {
  return sameEndpoint(client, server);
}

/** The host of the end that an end of this host talks to. */
export function peerHost(connection: Connection | null, host: HostName): HostName {
  return connection && isSelf(connection) ? host : otherHost(host);
}

/** The hosts that have an end of it. */
export function hostsOf(connection: Connection): readonly HostName[] {
  return isSelf(connection) ? ['client'] : ['client', 'server'];
}

/** The host at the other end of a packet. */
export function otherHostOf({ host, wire }: { host: HostName; wire: WirePacket }): HostName {
  return receiverOf(host, wire.kind === 'tcp' ? wire.segment : wire.error.quoted);
}

/** The host that a host sends a segment to: itself, where it is its own peer. */
export function receiverOf(
  host: HostName,
  { source, destination }: Pick<Segment, 'source' | 'destination'>,
): HostName {
  return sameEndpoint(source, destination) ? host : otherHost(host);
}
