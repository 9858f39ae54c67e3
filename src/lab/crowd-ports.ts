import { CROWD_PORTS } from './client-ports.ts';

/** So many connections can have one port of the server: each has a client port of its own. */
export const CONNECTIONS_A_SERVER_PORT: number = CROWD_PORTS.last - CROWD_PORTS.first + 1;

export const HIGHEST_PORT = 65_535;

/** The client's port of a connection, by its number: they go down, and begin again with each port of the server. */
export function clientPort(index: number): number {
  return CROWD_PORTS.last - (index % CONNECTIONS_A_SERVER_PORT);
}

/** Counted from the server's first port. */
export function serverPort(first: number, index: number): number {
  return first + Math.floor(index / CONNECTIONS_A_SERVER_PORT);
}

/** The number of the connection that has these ports; negative if none has. */
export function indexOf(first: number, client: number, server: number): number {
  const isClient = client >= CROWD_PORTS.first && client <= CROWD_PORTS.last;
  return isClient ? (server - first) * CONNECTIONS_A_SERVER_PORT + CROWD_PORTS.last - client : -1;
}
