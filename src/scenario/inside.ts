import type { Connection } from '../evidence/connection.ts';
import { type HostName, otherHost } from '../evidence/events.ts';
import type { SocketNumber } from '../lab/host.ts';
import { knock } from './knock.ts';
import { connecting, established, listening, seen, simultaneousOpen } from './opening.ts';
import type { Stage } from './scenario.ts';

/** An end that is in a state and whose program still has its descriptor: a call or a timer may end it there. */
export interface Inside {
  connection: Connection;
  socket: SocketNumber;
}

/** No SYN of the client reaches the server's listener. */
export async function clientInSynSent(stage: Stage): Promise<Inside> {
  await listening(stage);
  await deafen(stage, 'server');
  const { connection, clientSocket } = await connecting(stage);
  await seen(stage, connection, 'client', 'SYN-SENT');
  return { connection, socket: clientSocket };
}

/** By a simultaneous open, of which the server hears nothing. */
export async function clientInSynReceived(stage: Stage): Promise<Inside> {
  const { connection, clientSocket } = await simultaneousOpen(stage);
  await seen(stage, connection, 'client', 'SYN-RECEIVED');
  return { connection, socket: clientSocket };
}

/** The client has shut down, and its FIN does not arrive. */
export async function clientInFinWait1(stage: Stage): Promise<Inside> {
  const { connection, clientSocket } = await established(stage);
  await deafen(stage, 'server');
  await stage.client.shutdown(clientSocket);
  await seen(stage, connection, 'client', 'FIN-WAIT-1');
  return { connection, socket: clientSocket };
}

/** The client has shut down, and the server has not. */
export async function clientInFinWait2(stage: Stage): Promise<Inside> {
  const { connection, clientSocket } = await established(stage);
  await stage.client.shutdown(clientSocket);
  await seen(stage, connection, 'client', 'FIN-WAIT-2');
  return { connection, socket: clientSocket };
}

/** Both have shut down, and the client's FIN does not arrive. */
export async function clientInClosing(stage: Stage): Promise<Inside> {
  const { connection, clientSocket, serverSocket } = await established(stage);
  await deafen(stage, 'server');
  await stage.client.shutdown(clientSocket);
  await seen(stage, connection, 'client', 'FIN-WAIT-1');
  await stage.server.shutdown(serverSocket);
  await seen(stage, connection, 'client', 'CLOSING');
  return { connection, socket: clientSocket };
}

/** The client has shut down. The listener is closed, because it would reply for the connection once that is gone. */
export async function serverInCloseWait(stage: Stage): Promise<Inside> {
  const { connection, clientSocket, serverSocket, listener } = await established(stage);
  await stage.server.close(listener);
  await stage.client.shutdown(clientSocket);
  await seen(stage, connection, 'server', 'CLOSE-WAIT');
  await seen(stage, connection, 'client', 'FIN-WAIT-2');
  return { connection, socket: serverSocket };
}

/** Both have shut down, and the server's FIN does not arrive. The listener is closed here too. */
export async function serverInLastAck(stage: Stage): Promise<Inside> {
  const { connection, clientSocket, serverSocket, listener } = await established(stage);
  await stage.server.close(listener);
  await deafen(stage, 'client');
  await stage.client.shutdown(clientSocket);
  await seen(stage, connection, 'server', 'CLOSE-WAIT');
  await stage.server.shutdown(serverSocket);
  await seen(stage, connection, 'server', 'LAST-ACK');
  return { connection, socket: serverSocket };
}

/** The server closes second, and the client's descriptor stays open. */
export async function clientInTimeWait(stage: Stage): Promise<Inside> {
  const { connection, clientSocket, serverSocket } = await established(stage);
  await stage.client.shutdown(clientSocket);
  await seen(stage, connection, 'server', 'CLOSE-WAIT');
  await stage.server.close(serverSocket);
  await seen(stage, connection, 'client', 'TIME-WAIT');
  return { connection, socket: clientSocket };
}

/** The server has a request whose SYN was crafted: no client retransmits it. The client must be deaf, or it replies with RST. */
export async function serverInSynReceived(stage: Stage): Promise<Connection> {
  await listening(stage);
  const connection = { client: stage.nextClientEndpoint(), server: stage.serverEndpoint() };
  await knock(stage.client, connection.client, connection.server);
  await seen(stage, connection, 'server', 'SYN-RECEIVED');
  return connection;
}

/** Gives a host nothing more of what the other sends; gives the rule's number. */
export function deafen(stage: Stage, host: HostName): Promise<number> {
  const port = host === 'server' ? { destinationPort: stage.serverPort } : { sourcePort: stage.serverPort };
  return stage[host].setRule({ hook: 'in', ...port, fate: 'drop' });
}

/** The user timeout, in milliseconds: less than two retransmissions take. */
const USER_TIMEOUT_MS = 300;

/** Lets TCP_USER_TIMEOUT end the connection of an end that waits for a reply. */
export async function timeOut(stage: Stage, host: HostName, { connection, socket }: Inside): Promise<void> {
  await stage[host].setOption(socket, 'TCP_USER_TIMEOUT', USER_TIMEOUT_MS);
  await stage.observe();
  await seen(stage, connection, host, 'CLOSED');
}

/**
 * Lets keepalive probes go unanswered until the end gives up: one, or as many as the user timeout leaves time for. One
 * second is the shortest that the kernel takes for both times.
 */
export async function probeInVain(
  stage: Stage,
  host: HostName,
  { connection, socket }: Inside,
  userTimeoutMs?: number,
): Promise<void> {
  await deafen(stage, otherHost(host));
  if (userTimeoutMs) await stage[host].setOption(socket, 'TCP_USER_TIMEOUT', userTimeoutMs);
  await stage[host].setOption(socket, 'TCP_KEEPIDLE', 1);
  await stage[host].setOption(socket, 'TCP_KEEPINTVL', 1);
  await stage[host].setOption(socket, 'TCP_KEEPCNT', userTimeoutMs ? 9 : 1);
  await stage[host].setOption(socket, 'SO_KEEPALIVE', 1);
  await seen(stage, connection, host, 'CLOSED');
}
