import { type Connection, endOf } from '../evidence/connection.ts';
import type { HostName } from '../evidence/events.ts';
import { stateInTable } from '../evidence/witness/socket-table.ts';
import type { SocketNumber } from '../lab/host.ts';
import type { Endpoint } from '../tcp/endpoint.ts';
import type { State } from '../tcp/state.ts';
import type { Stage } from './scenario.ts';

/** How scenarios begin. Each builds on the one before: a listener, a connection under way, one that stands. */

interface Listening {
  backlog?: number;
  /** SO_RCVBUF of the connections that come from it, in octets. */
  receiveBuffer?: number;
}

/** The server listens on its port. */
export async function listening(
  stage: Stage,
  { backlog = 5, receiveBuffer }: Listening = {},
): Promise<SocketNumber> {
  const listener = await stage.server.openSocket();
  if (receiveBuffer) await stage.server.setOption(listener, 'SO_RCVBUF', receiveBuffer);
  await stage.server.bind(listener, stage.serverEndpoint());
  await stage.server.listen(listener, backlog);
  return listener;
}

export interface Opening {
  connection: Connection;
  clientSocket: SocketNumber;
}

/** The client has started to connect, from an end that `before` may make ready for. */
export async function connecting(
  stage: Stage,
  before?: (client: Endpoint) => Promise<void>,
): Promise<Opening> {
  const connection = { client: stage.nextClientEndpoint(), server: stage.serverEndpoint() };
  await before?.(connection.client);
  const clientSocket = await stage.client.openSocket();
  await stage.client.bind(clientSocket, connection.client);
  await stage.client.connect(clientSocket, connection.server);
  return { connection, clientSocket };
}

export interface Established extends Opening {
  listener: SocketNumber;
  serverSocket: SocketNumber;
}

/** Both ends are ESTABLISHED, and the server has accepted. */
export async function established(stage: Stage, options: Listening = {}): Promise<Established> {
  const listener = await listening(stage, options);
  const opening = await connecting(stage);
  const serverSocket = await stage.waitFor('a connection to accept', () => stage.server.accept(listener));
  return { ...opening, listener, serverSocket };
}

/** Waits until the socket table of a host has its end in the state. */
export async function seen(
  stage: Stage,
  connection: Connection,
  host: HostName,
  state: State,
): Promise<void> {
  const end = endOf(connection, host, state);
  await stage.waitFor(
    `${host} in ${state}`,
    async () => stateInTable((await stage.observe())[host], end) === state,
  );
}
