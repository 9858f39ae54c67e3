import type { Connection } from '../../evidence/connection.ts';
import { type HostName, otherHost } from '../../evidence/events.ts';
import type { SocketNumber } from '../../lab/host.ts';
import type { State } from '../../tcp/state.ts';
import { craftSyn } from '../crafted.ts';
import { connecting, type Established, established, listening, seen, simultaneousOpen } from '../opening.ts';
import type { Stage } from '../stage.ts';

/** An end in a state: a call, a segment or a timer may end it there. */
export interface Start<I extends Inside = Inside> {
  /** How the names of its scenarios begin. */
  name: string;
  host: HostName;
  state: State;
  /** The state of the other end. */
  peer: State;
  /** The end itself leaves its sending side with `leave`: with `shutdown`, the default, it keeps its descriptor. */
  reach(stage: Stage, leave?: 'shutdown' | 'close'): Promise<I>;
}

export interface Inside {
  connection: Connection;
  socket: SocketNumber;
}

/** The other end has a socket too. */
export interface BothInside extends Inside {
  peerSocket: SocketNumber;
}

export const listen: Start = {
  name: 'listen',
  host: 'server',
  state: 'LISTEN',
  peer: 'CLOSED',
  async reach(stage) {
    const connection = { client: stage.nextClientEndpoint(), server: stage.serverEndpoint() };
    const socket = await listening(stage);
    await seen(stage, connection, 'server', 'LISTEN');
    return { connection, socket };
  },
};

/** No SYN of the client reaches the server's listener. */
export const synSent: Start = {
  name: 'syn-sent',
  host: 'client',
  state: 'SYN-SENT',
  peer: 'LISTEN',
  async reach(stage) {
    await listening(stage);
    await deafen(stage, 'server');
    const { connection, clientSocket: socket } = await connecting(stage);
    await seen(stage, connection, 'client', 'SYN-SENT');
    return { connection, socket };
  },
};

/** The server receives nothing of the simultaneous open, because of a rule with the number 1. */
export const opening: Start = {
  name: 'syn-received-simultaneous-open',
  host: 'client',
  state: 'SYN-RECEIVED',
  peer: 'SYN-SENT',
  async reach(stage) {
    const { connection, clientSocket: socket } = await simultaneousOpen(stage);
    await seen(stage, connection, 'client', 'SYN-RECEIVED');
    return { connection, socket };
  },
};

export const open: Start<BothInside> = {
  name: 'established',
  host: 'client',
  state: 'ESTABLISHED',
  peer: 'ESTABLISHED',
  reach: async (stage) => fromClient(await established(stage)),
};

/** The client has shut down, and its FIN does not arrive. */
export const finWait1: Start<BothInside> = {
  name: 'fin-wait-1',
  host: 'client',
  state: 'FIN-WAIT-1',
  peer: 'ESTABLISHED',
  async reach(stage, leave = 'shutdown') {
    const inside = await open.reach(stage);
    await deafen(stage, 'server');
    await stage.client[leave](inside.socket);
    await seen(stage, inside.connection, 'client', 'FIN-WAIT-1');
    return inside;
  },
};

/** The client has shut down, and the server has not. */
export const finWait2: Start<BothInside> = {
  name: 'fin-wait-2',
  host: 'client',
  state: 'FIN-WAIT-2',
  peer: 'CLOSE-WAIT',
  async reach(stage, leave = 'shutdown') {
    const inside = await open.reach(stage);
    await stage.client[leave](inside.socket);
    await seen(stage, inside.connection, 'client', 'FIN-WAIT-2');
    return inside;
  },
};

/** The client has shut down. The listener is closed, because it would reply to segments of the closed connection. */
export const closeWait: Start = {
  name: 'close-wait',
  host: 'server',
  state: 'CLOSE-WAIT',
  peer: 'FIN-WAIT-2',
  async reach(stage) {
    const { connection, clientSocket, serverSocket, listener } = await established(stage);
    await stage.server.close(listener);
    await stage.client.shutdown(clientSocket);
    await seen(stage, connection, 'server', 'CLOSE-WAIT');
    await seen(stage, connection, 'client', 'FIN-WAIT-2');
    return { connection, socket: serverSocket };
  },
};

/** Both have shut down, and the client's FIN does not arrive. */
export const closing: Start = {
  name: 'closing',
  host: 'client',
  state: 'CLOSING',
  peer: 'FIN-WAIT-1',
  async reach(stage, leave = 'shutdown') {
    const { connection, socket, peerSocket } = await finWait1.reach(stage, leave);
    await stage.server.shutdown(peerSocket);
    await seen(stage, connection, 'client', 'CLOSING');
    return { connection, socket };
  },
};

/** Both have shut down, and the server's FIN does not arrive. The listener is closed here too. */
export const lastAck: Start = {
  name: 'last-ack',
  host: 'server',
  state: 'LAST-ACK',
  peer: 'FIN-WAIT-1',
  async reach(stage, leave = 'shutdown') {
    const { connection, clientSocket, serverSocket, listener } = await established(stage);
    await stage.server.close(listener);
    await deafen(stage, 'client');
    await stage.client.shutdown(clientSocket);
    await seen(stage, connection, 'server', 'CLOSE-WAIT');
    await stage.server[leave](serverSocket);
    await seen(stage, connection, 'server', 'LAST-ACK');
    return { connection, socket: serverSocket };
  },
};

/** The server closes second, and the client's descriptor stays open. */
export const timeWait: Start = {
  name: 'time-wait',
  host: 'client',
  state: 'TIME-WAIT',
  peer: 'CLOSED',
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage);
    await stage.client.shutdown(clientSocket);
    await seen(stage, connection, 'server', 'CLOSE-WAIT');
    await stage.server.close(serverSocket);
    await seen(stage, connection, 'client', 'TIME-WAIT');
    return { connection, socket: clientSocket };
  },
};

function fromClient({ connection, clientSocket, serverSocket }: Established): BothInside {
  return { connection, socket: clientSocket, peerSocket: serverSocket };
}

/** The server has a request whose SYN was crafted: no client retransmits it. Without a rule the client replies with RST. */
export async function pendingRequest(stage: Stage): Promise<Connection> {
  await listening(stage);
  const connection = { client: stage.nextClientEndpoint(), server: stage.serverEndpoint() };
  await craftSyn(stage.client, connection.client, connection.server);
  await seen(stage, connection, 'server', 'SYN-RECEIVED');
  return connection;
}

/** The start, without a descriptor: the kernel alone finishes. */
export function orphaned<I extends Inside>(start: Start<I>): Start<I> {
  return { ...start, reach: (stage) => start.reach(stage, 'close') };
}

/** The start, after which the end sends data that is never acknowledged. */
export function sending<I extends Inside>(start: Start<I>): Start<I> {
  return {
    ...start,
    async reach(stage) {
      const inside = await start.reach(stage);
      await deafen(stage, otherHost(start.host));
      await stage[start.host].send(inside.socket, Buffer.from('late'));
      return inside;
    },
  };
}

/** Drops what arrives at a host from the other one; returns the rule's number. */
export function deafen(stage: Stage, host: HostName): Promise<number> {
  const port = host === 'server' ? { destinationPort: stage.serverPort } : { sourcePort: stage.serverPort };
  return stage[host].setRule({ hook: 'in', ...port, fate: 'drop' });
}
