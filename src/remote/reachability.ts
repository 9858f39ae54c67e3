import { once } from 'node:events';
import { createConnection, createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { SystemError } from '../error.ts';
import { bind, close, openTcpSocket } from '../kernel/socket.ts';
import { readSysctl } from '../kernel/sysctl.ts';
import type { Family } from '../tcp/endpoint.ts';

/** An address of a machine by which another may reach it. */
export interface OwnAddress {
  interface: string;
  address: string;
  netmask: string;
}

/** All except loopback and IPv6 link-local addresses. */
export function ownAddresses(family: Family): OwnAddress[] {
  const wanted = family === 'ipv6' ? 'IPv6' : 'IPv4';
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses
      .filter((one) => one.family === wanted && !one.internal && !one.address.startsWith('fe80:'))
      .map(({ address, netmask }) => ({ interface: name, address, netmask })),
  );
}

/** A listener that the peer tries to connect to. */
interface Listener {
  server: Server;
  /** The client's address as seen here, after any NAT. */
  from: Promise<string>;
}

const listeners = new Map<number, Listener>();

/** Listens on an address; gives the port. */
export async function openPort(address: string): Promise<number> {
  const server = createServer().listen(0, address);
  const from = new Promise<string>((resolve) => {
    server.on('connection', (socket) => {
      socket.on('error', () => {});
      resolve(socket.remoteAddress ?? '');
      socket.end();
    });
  });
  await listening(server, address);
  const { port } = server.address() as { port: number };
  listeners.set(port, { server, from });
  return port;
}

/** Closes the listener and returns the client's address, or null if none connected in time. */
export async function closePort(port: number, withinMs: number): Promise<string | null> {
  const listener = listeners.get(port);
  listeners.delete(port);
  if (!listener) return null;
  const from = await Promise.race([listener.from, pause(withinMs, null, { ref: false })]);
  listener.server.close();
  return from;
}

/** Connects, and gives the own address that the kernel chose for it, or the errno's name. */
export async function tryPort(
  address: string,
  port: number,
  withinMs: number,
): Promise<{ from: string } | { errno: string }> {
  const socket = createConnection({ host: address, port });
  const timer = setTimeout(() => socket.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })), withinMs);
  try {
    await once(socket, 'connect');
    return { from: socket.localAddress ?? '' };
  } catch (error) {
    return { errno: (error as NodeJS.ErrnoException).code ?? 'failed' };
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/** A free port. */
export async function freePort(address: string): Promise<number> {
  const server = createServer().listen(0, address);
  await listening(server, address);
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listening(server: Server, address: string): Promise<void> {
  try {
    await once(server, 'listening');
  } catch (error) {
    // An address may be there and not yet be one to use (IPv6, duplicate address detection).
    throw new SystemError('listen', (error as NodeJS.ErrnoException).code ?? 'EIO', { detail: address });
  }
}

const FIRST_PORT = 1024;

/**
 * The first of so many ports in a row that nobody has, below those that the kernel gives away by itself: a lab's connections
 * are distinguished by them.
 */
export function freePorts(family: Family, address: string, count: number): number {
  const [ephemeral = 32_768] = (readSysctl('net.ipv4.ip_local_port_range') ?? '').split(/\s+/).map(Number);
  const span = Math.max(ephemeral - FIRST_PORT - count, 30_000);
  for (let tries = 0; tries < 100; tries++) {
    const first = FIRST_PORT + Math.floor(Math.random() * span);
    const ports = Array.from({ length: count }, (_, index) => first + index);
    if (ports.every((port) => isFree(family, address, port))) return first;
  }
  throw new SystemError('bind', 'EADDRINUSE', { detail: `${count} ports in a row on ${address}` });
}

function isFree(family: Family, address: string, port: number): boolean {
  const socket = openTcpSocket(family);
  try {
    bind(socket, { address, port });
    return true;
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    return false;
  } finally {
    close(socket);
  }
}
