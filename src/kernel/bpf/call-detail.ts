import { formatEndpoint } from '../../tcp/endpoint.ts';
import { endpointOfSocketAddress } from '../socket-address.ts';
import { CALL_ARGUMENTS, POINTED_BYTES } from './record.ts';
import type { CallName } from './registers.ts';

const SHUTDOWNS = ['SHUT_RD', 'SHUT_WR', 'SHUT_RDWR'];

/**
 * The arguments of a call after its descriptor, as strace(1) shows them. `record`: five arguments of eight bytes each, and
 * what one of them points to.
 */
export function callDetail(call: CallName, record: Buffer): string {
  const argument = (index: number) => record.readInt32LE(index * 8);
  const pointed = record.subarray(CALL_ARGUMENTS * 8, CALL_ARGUMENTS * 8 + POINTED_BYTES);
  switch (call) {
    case 'connect':
      return record.readBigUInt64LE(8) === 0n ? 'NULL' : addressOf(pointed);
    case 'shutdown':
      return SHUTDOWNS[argument(1)] ?? String(argument(1));
    case 'listen':
      return `backlog ${argument(1)}`;
    case 'setsockopt':
      return optionOf(argument(1), argument(2), pointed.subarray(0, Math.max(0, argument(4))), argument(4));
    default:
      return '';
  }
}

function addressOf(bytes: Buffer): string {
  // connect() with AF_UNSPEC takes a connection apart (connect(2)).
  if (bytes.readUInt16LE(0) === 0) return 'AF_UNSPEC';
  return formatEndpoint(endpointOfSocketAddress(bytes));
}

function optionOf(level: number, number: number, value: Buffer, length: number): string {
  const name = OPTIONS[level]?.[number] ?? `level ${level} option ${number}`;
  if (name === 'SO_LINGER' && value.length >= 8)
    return `SO_LINGER {l_onoff=${value.readInt32LE(0)}, l_linger=${value.readInt32LE(4)}}`;
  if (TEXTS.has(name)) return `${name} ${value.toString('latin1').replace(/\0.*$/s, '')}`;
  if (length === 4) return `${name} ${value.readInt32LE(0)}`;
  return value.length === 0 ? name : `${name} 0x${value.toString('hex')}${length > value.length ? '…' : ''}`;
}

const TEXTS: ReadonlySet<string> = new Set(['SO_BINDTODEVICE', 'TCP_CONGESTION', 'TCP_ULP']);

// include/uapi/asm-generic/socket.h, include/uapi/linux/tcp.h
const OPTIONS: Readonly<Record<number, Readonly<Record<number, string>>>> = {
  1: {
    1: 'SO_DEBUG',
    2: 'SO_REUSEADDR',
    5: 'SO_DONTROUTE',
    7: 'SO_SNDBUF',
    8: 'SO_RCVBUF',
    9: 'SO_KEEPALIVE',
    10: 'SO_OOBINLINE',
    12: 'SO_PRIORITY',
    13: 'SO_LINGER',
    15: 'SO_REUSEPORT',
    18: 'SO_RCVLOWAT',
    20: 'SO_RCVTIMEO',
    21: 'SO_SNDTIMEO',
    25: 'SO_BINDTODEVICE',
    26: 'SO_ATTACH_FILTER',
    29: 'SO_TIMESTAMP',
    32: 'SO_SNDBUFFORCE',
    33: 'SO_RCVBUFFORCE',
    36: 'SO_MARK',
    46: 'SO_BUSY_POLL',
    47: 'SO_MAX_PACING_RATE',
    49: 'SO_INCOMING_CPU',
    60: 'SO_ZEROCOPY',
  },
  6: {
    1: 'TCP_NODELAY',
    2: 'TCP_MAXSEG',
    3: 'TCP_CORK',
    4: 'TCP_KEEPIDLE',
    5: 'TCP_KEEPINTVL',
    6: 'TCP_KEEPCNT',
    7: 'TCP_SYNCNT',
    8: 'TCP_LINGER2',
    9: 'TCP_DEFER_ACCEPT',
    10: 'TCP_WINDOW_CLAMP',
    12: 'TCP_QUICKACK',
    13: 'TCP_CONGESTION',
    14: 'TCP_MD5SIG',
    18: 'TCP_USER_TIMEOUT',
    19: 'TCP_REPAIR',
    23: 'TCP_FASTOPEN',
    25: 'TCP_NOTSENT_LOWAT',
    30: 'TCP_FASTOPEN_CONNECT',
    31: 'TCP_ULP',
    44: 'TCP_RTO_MAX_MS',
  },
};
