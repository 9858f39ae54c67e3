import type { Endpoint } from '../tcp/endpoint.ts';
import type { State } from '../tcp/state.ts';
import type { HostName } from './events.ts';

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

/** The end that is meant when it is said of `host` that it is in `state`. */
export function endOf(connection: Connection, host: HostName, state: State): ConnectionEnd {
  const listening = state === 'LISTEN';
  const { client, server } = connection;
  return host === 'client'
    ? { host, local: client, remote: server, listening }
    : { host, local: server, remote: client, listening };
}
