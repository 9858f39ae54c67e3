import { type Connection, endOf } from '../evidence/connection.ts';
import type { HostName } from '../evidence/events.ts';
import { stateInTable } from '../evidence/witness/socket-table.ts';
import type { SocketNumber } from '../lab/host.ts';
import type { Endpoint } from '../tcp/endpoint.ts';
import type { SocketOption } from '../tcp/socket-options.ts';
import type { State } from '../tcp/state.ts';
import type { Stage } from './stage.ts';

/** How scenarios begin. Each builds on the one before: a listener, a handshake, an established connection. */

interface Listening {
  backlog?: number;
  /** SO_RCVBUF of the connections that it accepts, in bytes. */
  receiveBuffer?: number;
  /** TCP_DEFER_ACCEPT: for how many seconds a connection may be without data before it is established. */
  deferS?: number;
  /** Default: the server's. */
  address?: string;
}

/** The server listens on its port. */
export async function listening(
  stage: Stage,
  { backlog = 5, receiveBuffer, deferS, address }: Listening = {},
): Promise<SocketNumber> {
  const listener = await stage.server.openSocket();
  if (receiveBuffer) await stage.server.setOption(listener, 'SO_RCVBUF', receiveBuffer);
  const local = stage.serverEndpoint();
  await stage.server.bind(listener, { ...local, address: address ?? local.address });
  if (deferS) await stage.server.setOption(listener, 'TCP_DEFER_ACCEPT', deferS);
  await stage.server.listen(listener, backlog);
  return listener;
}

export interface Opening {
  connection: Connection;
  clientSocket: SocketNumber;
}

interface Connecting {
  /** Makes ready for the client's end, which is then known. */
  before?: (client: Endpoint) => Promise<void>;
  /** Socket options of the client. */
  options?: Partial<Record<SocketOption, number>>;
}

/** The client has started to connect. */
export async function connecting(stage: Stage, { before, options = {} }: Connecting = {}): Promise<Opening> {
  const connection = { client: stage.nextClientEndpoint(), server: stage.serverEndpoint() };
  await before?.(connection.client);
  const clientSocket = await stage.client.openSocket();
  for (const [option, value] of Object.entries(options)) {
    await stage.client.setOption(clientSocket, option as SocketOption, value);
  }
  await stage.client.bind(clientSocket, connection.client);
  await stage.client.connect(clientSocket, connection.server);
  return { connection, clientSocket };
}

export interface Established extends Opening {
  listener: SocketNumber;
  serverSocket: SocketNumber;
}

/** Both ends are ESTABLISHED, and the server has accepted. */
export async function established(
  stage: Stage,
  options: Listening = {},
  clientOptions: Connecting['options'] = {},
): Promise<Established> {
  const listener = await listening(stage, options);
  const opening = await connecting(stage, { options: clientOptions });
  const serverSocket = await stage.waitFor({ failure: 'the server did not accept a connection' }, () =>
    stage.server.accept(listener),
  );
  return { ...opening, listener, serverSocket };
}

interface SimultaneousOpening extends Opening {
  /** The rule that drops what the client sends. */
  rule: number;
}

/**
 * There is no listener, both ends connect to each other (RFC 9293, 3.5, figure 7), and only the client receives the other
 * SYN: it is in SYN-RECEIVED, the server in SYN-SENT.
 */
export async function simultaneousOpen(stage: Stage): Promise<SimultaneousOpening> {
  const { client, server } = stage;
  const connection = { client: stage.nextClientEndpoint(), server: stage.serverEndpoint() };
  const rule = await server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate: 'drop' });
  const [clientSocket, serverSocket] = [await client.openSocket(), await server.openSocket()];
  await client.bind(clientSocket, connection.client);
  await server.bind(serverSocket, connection.server);
  await client.connect(clientSocket, connection.server);
  await server.connect(serverSocket, connection.client);
  return { connection, clientSocket, rule };
}

/** Waits until the socket table of a host has its end in the state. */
export function seen(stage: Stage, connection: Connection, host: HostName, state: State): Promise<unknown> {
  return stage.waitFor({ failure: `the ${host} was not seen in ${state}` }, () =>
    isIn(stage, connection, host, state),
  );
}

/** Waits until the end is no longer in the state, whatever it is in by then: a program may be quick to go on. */
export function gone(stage: Stage, connection: Connection, host: HostName, state: State): Promise<unknown> {
  const isGone = async () => !(await isIn(stage, connection, host, state));
  return stage.waitFor({ failure: `the ${host} did not leave ${state}` }, isGone);
}

async function isIn(stage: Stage, connection: Connection, host: HostName, state: State): Promise<boolean> {
  return stateInTable((await stage.observe())[host], endOf(connection, host, state)) === state;
}
