import { TcplabError } from '../error.ts';
import type { Endpoint, Family } from '../tcp/endpoint.ts';
import { PROTOCOL } from '../tcp/headers.ts';
import { SOCKET_OPTIONS, type SocketOption } from '../tcp/socket-options.ts';
import { check, errnoName, lastErrno, libc } from './libc.ts';
import {
  AF_INET,
  AF_INET6,
  endpointOfSocketAddress,
  SOCKET_ADDRESS_BYTES,
  socketAddress,
} from './socket-address.ts';

const SOCK_STREAM = 1;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_RAW = 255;
const SOL_SOCKET = 1;
const MSG_NOSIGNAL = 0x4000;

/** A TCP socket that never blocks; it lives in the network namespace in which the thread is now. */
export function openTcpSocket(family: Family): number {
  const domain = family === 'ipv6' ? AF_INET6 : AF_INET;
  return check(
    libc.socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, PROTOCOL.tcp),
    'socket',
    family,
  );
}

export function bind(fd: number, local: Endpoint): void {
  const address = socketAddress(local);
  check(libc.bind(fd, address, address.length), 'bind', `${local.address} port ${local.port}`);
}

export function listen(fd: number, backlog: number): void {
  check(libc.listen(fd, backlog), 'listen', `backlog ${backlog}`);
}

/** Starts to connect and does not wait. Gives the errno's name: `EINPROGRESS` when it is under way, `null` when done. */
export function connect(fd: number, remote: Endpoint): string | null {
  const address = socketAddress(remote);
  return libc.connect(fd, address, address.length) === 0 ? null : lastErrno();
}

/** The next connection of the accept queue, or undefined when it is empty. */
export function accept(fd: number): number | undefined {
  const accepted = libc.accept4(fd, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (accepted >= 0) return accepted;
  if (lastErrno() === 'EAGAIN') return undefined;
  return check(accepted, 'accept');
}

const HOW = { read: 0, write: 1, both: 2 } as const;
export type ShutdownHow = keyof typeof HOW;

export function shutdown(fd: number, how: ShutdownHow): void {
  check(libc.shutdown(fd, HOW[how]), 'shutdown', how);
}

export function close(fd: number): void {
  check(libc.close(fd), 'close');
}

/** close() that sends an RST and forgets the connection: SO_LINGER with 0 seconds (socket(7)). */
export function abort(fd: number): void {
  abortWhenClosed(fd);
  close(fd);
}

/** Makes close() send an RST and leave nothing, also when another process with the descriptor makes the call. */
export function abortWhenClosed(fd: number): void {
  setOption(fd, 'SO_LINGER', 0);
}

const [REUSE_LEVEL, REUSE_NAME] = SOCKET_OPTIONS.SO_REUSEADDR;
const ONE = Buffer.from(Int32Array.of(1).buffer);

/** Without an object for each call. */
export function reuseAddress(fd: number): void {
  check(libc.setsockopt(fd, REUSE_LEVEL, REUSE_NAME, ONE, ONE.length), 'setsockopt', 'SO_REUSEADDR');
}

export function setOption(fd: number, option: SocketOption, value: number): void {
  const [level, name] = SOCKET_OPTIONS[option];
  if (option === 'SO_LINGER' && value !== 0) {
    throw new TcplabError('USAGE', `SO_LINGER takes only 0, not ${value}`, {
      hint: 'with 0 s, close() sends an RST; with more, it would block tcplab itself',
    });
  }
  const bytes = Buffer.alloc(option === 'SO_LINGER' ? 8 : 4);
  // struct linger (8 bytes, aligned to 4): whether it is on, and for how long.
  if (option === 'SO_LINGER') bytes.writeInt32LE(1);
  bytes.writeInt32LE(value, bytes.length - 4);
  check(libc.setsockopt(fd, level, name, bytes, bytes.length), 'setsockopt', `${option} ${value}`);
}

/** The options that change when the kernel's timers fire (tcp(7), socket(7)). */
const TIMER_OPTIONS = [
  'SO_KEEPALIVE',
  'TCP_KEEPIDLE',
  'TCP_KEEPINTVL',
  'TCP_KEEPCNT',
  'TCP_SYNCNT',
  'TCP_LINGER2',
  'TCP_DEFER_ACCEPT',
  'TCP_USER_TIMEOUT',
  'TCP_RTO_MAX_MS',
] as const satisfies readonly SocketOption[];

/** Their values in force: the sysctl's if none was set. Without options that this kernel lacks. */
export function timerOptions(fd: number): Record<string, number> {
  const values: Record<string, number> = {};
  for (const option of TIMER_OPTIONS) {
    const [level, name] = SOCKET_OPTIONS[option];
    const [value, length] = [Buffer.alloc(4), Buffer.from([4, 0, 0, 0])];
    if (libc.getsockopt(fd, level, name, value, length) === 0) values[option] = value.readInt32LE();
  }
  return values;
}

/** SO_ERROR: what ended the connection, as errno's name, or null. Reading clears it. */
export function takeError(fd: number): string | null {
  const value = Buffer.alloc(4);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(4);
  check(libc.getsockopt(fd, SOL_SOCKET, 4, value, length), 'getsockopt', 'SO_ERROR');
  const number = value.readInt32LE();
  return number === 0 ? null : errnoName(number);
}

/** Where the socket is bound. */
export function localEndpoint(fd: number): Endpoint {
  const { address, length } = roomForAddress();
  check(libc.getsockname(fd, address, length), 'getsockname');
  return endpointOfSocketAddress(address);
}

/** Undefined when it is not connected, or no longer. */
export function remoteEndpoint(fd: number): Endpoint | undefined {
  const { address, length } = roomForAddress();
  return libc.getpeername(fd, address, length) === 0 ? endpointOfSocketAddress(address) : undefined;
}

function roomForAddress(): { address: Buffer; length: Buffer } {
  const address = Buffer.alloc(SOCKET_ADDRESS_BYTES);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(address.length);
  return { address, length };
}

/** Returns how many bytes the kernel accepted. Throws when the connection can't send. */
export function send(fd: number, data: Uint8Array): number {
  const sent = Number(libc.send(fd, data, data.length, MSG_NOSIGNAL));
  if (sent < 0 && lastErrno() === 'EAGAIN') return 0;
  return check(sent, 'send', `${data.length} bytes`);
}

/** How many bytes send() took, as its result: a nonblocking socket fails with EAGAIN in place of 0 (send(2)). */
export function took(bytes: number): string {
  return bytes === 0 ? 'EAGAIN' : String(bytes);
}

/** What has arrived: empty when the peer has sent its FIN, undefined when there is nothing yet. */
export function receive(fd: number, size = 65536): Buffer | undefined {
  const buffer = Buffer.alloc(size);
  const received = Number(libc.recv(fd, buffer, buffer.length, 0));
  if (received < 0 && lastErrno() === 'EAGAIN') return undefined;
  return buffer.subarray(0, check(received, 'recv'));
}

/** A socket that sends whole IP packets as they are (raw(7)). Needs CAP_NET_RAW in the namespace. */
export function openRawSocket(family: Family): number {
  const domain = family === 'ipv6' ? AF_INET6 : AF_INET;
  return check(libc.socket(domain, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_RAW), 'socket', 'raw');
}

export function sendPacket(fd: number, packet: Uint8Array, destination: string): void {
  const address = socketAddress({ address: destination, port: 0 });
  const sent = Number(libc.sendto(fd, packet, packet.length, 0, address, address.length));
  check(sent, 'sendto', destination);
}
