import { PROTOCOL } from './headers.ts';

const SOL_SOCKET = 1;
const IPPROTO_TCP = PROTOCOL.tcp;
const INT_MAX = 2 ** 31 - 1;

export type SocketOption =
  | 'SO_REUSEADDR'
  | 'SO_SNDBUF'
  | 'SO_RCVBUF'
  | 'SO_KEEPALIVE'
  | 'SO_LINGER'
  | 'TCP_NODELAY'
  | 'TCP_MAXSEG'
  | 'TCP_CORK'
  | 'TCP_KEEPIDLE'
  | 'TCP_KEEPINTVL'
  | 'TCP_KEEPCNT'
  | 'TCP_SYNCNT'
  | 'TCP_LINGER2'
  | 'TCP_DEFER_ACCEPT'
  | 'TCP_WINDOW_CLAMP'
  | 'TCP_QUICKACK'
  | 'TCP_USER_TIMEOUT'
  | 'TCP_FASTOPEN'
  | 'TCP_NOTSENT_LOWAT'
  | 'TCP_FASTOPEN_CONNECT'
  | 'TCP_FASTOPEN_NO_COOKIE'
  | 'TCP_RTO_MAX_MS';

type Range = readonly [level: number, name: number, least: number, most: number];

/**
 * [level, option, least, most] (socket(7), tcp(7)): what the kernel does not reject with EINVAL (net/ipv4/tcp.c,
 * do_tcp_setsockopt). Values are ints.
 */
export const SOCKET_OPTIONS: Readonly<Record<SocketOption, Range>> = {
  SO_REUSEADDR: [SOL_SOCKET, 2, 0, 1],
  SO_SNDBUF: [SOL_SOCKET, 7, 0, INT_MAX],
  SO_RCVBUF: [SOL_SOCKET, 8, 0, INT_MAX],
  SO_KEEPALIVE: [SOL_SOCKET, 9, 0, 1],
  SO_LINGER: [SOL_SOCKET, 13, 0, 0],
  TCP_NODELAY: [IPPROTO_TCP, 1, 0, 1],
  TCP_MAXSEG: [IPPROTO_TCP, 2, 88, 32_767],
  TCP_CORK: [IPPROTO_TCP, 3, 0, 1],
  TCP_KEEPIDLE: [IPPROTO_TCP, 4, 1, 32_767],
  TCP_KEEPINTVL: [IPPROTO_TCP, 5, 1, 32_767],
  TCP_KEEPCNT: [IPPROTO_TCP, 6, 1, 127],
  TCP_SYNCNT: [IPPROTO_TCP, 7, 1, 127],
  TCP_LINGER2: [IPPROTO_TCP, 8, -1, INT_MAX],
  TCP_DEFER_ACCEPT: [IPPROTO_TCP, 9, 0, INT_MAX],
  TCP_WINDOW_CLAMP: [IPPROTO_TCP, 10, 0, INT_MAX],
  TCP_QUICKACK: [IPPROTO_TCP, 12, 0, 1],
  TCP_USER_TIMEOUT: [IPPROTO_TCP, 18, 0, INT_MAX],
  TCP_FASTOPEN: [IPPROTO_TCP, 23, 0, INT_MAX],
  TCP_NOTSENT_LOWAT: [IPPROTO_TCP, 25, 0, INT_MAX],
  TCP_FASTOPEN_CONNECT: [IPPROTO_TCP, 30, 0, 1],
  TCP_FASTOPEN_NO_COOKIE: [IPPROTO_TCP, 34, 0, 1],
  TCP_RTO_MAX_MS: [IPPROTO_TCP, 44, 1000, 120_000],
};

export const SOCKET_OPTION_NAMES: readonly SocketOption[] = Object.keys(SOCKET_OPTIONS) as SocketOption[];

/** The values that the kernel takes. Of SO_LINGER only 0 s: with more, close() would block this process (socket(7)). */
export function rangeOf(option: SocketOption): readonly [least: number, most: number] {
  const [, , least, most] = SOCKET_OPTIONS[option];
  return [least, most];
}

/** The values of options, by their names. */
export type SocketOptions = Partial<Record<SocketOption, number>>;
