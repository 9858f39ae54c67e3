import { addressBytes, addressText, type Endpoint, formatEndpoint } from '../tcp/endpoint.ts';
import { PROTOCOL } from '../tcp/headers.ts';
import type { SocketRow, SocketTimer, TcpInfo } from '../tcp/socket-row.ts';
import { linuxNumberOf, type State, stateOfLinux } from '../tcp/state.ts';
import { align, NETLINK_SOCK_DIAG, NetlinkSocket, NLM_F_ACK, NLM_F_DUMP, netlinkMessage } from './netlink.ts';
import { AF_INET, AF_INET6 } from './socket-address.ts';

// sock_diag(7); include/uapi/linux/inet_diag.h
const TCPDIAG_GETSOCK = 18;
const SOCK_DESTROY = 21;
const INET_DIAG_INFO = 2;
const BOUND_INACTIVE = 13;
/** Every state, and sockets that are bound only (Linux 6.8; the bit is ignored before). */
const ALL_STATES = (1 << (BOUND_INACTIVE + 1)) - 1;
/** To find the others, the kernel walks through the machine's table of bound ports, of 65,536 buckets: that takes it 0.4 ms. */
const ALL_BUT_BOUND = ALL_STATES & ~(1 << BOUND_INACTIVE);
const TIMERS: readonly SocketTimer[] = ['none', 'retransmission', 'keepalive', 'time-wait', 'probe'];

/** The TCP socket table of the namespace in which it was opened. */
export class SocketTable {
  readonly #netlink: NetlinkSocket = new NetlinkSocket(NETLINK_SOCK_DIAG);

  /** All rows, IPv4 and IPv6, requests and TIME-WAIT too. Takes about 0.5 ms. */
  read(): SocketRow[] {
    const rows = this.#dump(ALL_STATES);
    return rows.some(isPassing) ? this.#dump(ALL_STATES) : rows;
  }

  /** Those that are only bound left out, which takes a tenth of the time. */
  readAllButBound(): SocketRow[] {
    return this.#dump(ALL_BUT_BOUND);
  }

  #dump(states: number): SocketRow[] {
    const request = dumpRequest({ states, info: true });
    const rows: SocketRow[] = [];
    this.#netlink.dump(request, 'socket table', (datagram, at) => {
      rows.push(rowAt(datagram, at));
    });
    return rows;
  }

  /** Each row but those that are only bound, with how long ago it last sent and received; nothing is kept. */
  visit(visitor: (row: Omit<SocketRow, 'cookie'>, ages: SocketAges | null) => void): void {
    this.#netlink.dump(dumpRequest({ states: ALL_BUT_BOUND, info: true }), 'socket table', (datagram, at) => {
      const end = at - 16 + datagram.readUInt32LE(at - 16);
      visitor(bareRowAt(datagram, at), agesAt(datagram, infoAt(datagram, at + 72, end)));
    });
  }

  /**
   * The ports and the state of each row in a state, or in any, with nothing else read or kept of it: for tables of many thousands. No
   * `struct tcp_info` is asked for, which takes the kernel most of the time.
   */
  scan(state: State | 'any', visit: (localPort: number, remotePort: number, state: State) => void): void {
    const states = state === 'any' ? ALL_STATES : 1 << linuxNumberOf(state);
    const request = dumpRequest({ states, info: false });
    this.#netlink.dump(request, 'socket table', (datagram, at) => {
      visit(
        datagram.readUInt16BE(at + 4),
        datagram.readUInt16BE(at + 6),
        stateOfLinux(datagram.readUInt8(at + 1)),
      );
    });
  }

  /** Ends a connection as `ss -K` does: with an RST to the peer and ECONNABORTED for the program (CONFIG_INET_DIAG_DESTROY). */
  destroy(local: Endpoint, remote: Endpoint): void {
    const detail = `destroy ${formatEndpoint(local)}`;
    this.#netlink.request(destroyRequest(local, remote), detail);
  }

  close(): void {
    this.#netlink.close();
  }
}

/**
 * Whether a row is of a full socket that is just being replaced by a TIME-WAIT socket (TIME-WAIT, an orphan's FIN-WAIT-2):
 * it was in the table when the kernel collected the rows, and CLOSED when it wrote them (inet_diag_dump_icsk).
 */
function isPassing({ state, inode, remote }: SocketRow): boolean {
  return state === 'CLOSED' && inode === 0 && remote.port !== 0;
}

/** struct inet_diag_req (60 bytes, aligned to 4) with no socket named: the old form, because the new one requires a dump per family. */
function dumpRequest({ states, info }: { states: number; info: boolean }): Buffer {
  const request = Buffer.alloc(60);
  if (info) request.writeUInt8(1 << (INET_DIAG_INFO - 1), 3);
  request.writeUInt32LE(states, 52);
  return netlinkMessage(TCPDIAG_GETSOCK, NLM_F_DUMP, request);
}

/** struct inet_diag_req_v2 (56 bytes, aligned to 4) with its socket's ends, whatever cookie it has. */
function destroyRequest(local: Endpoint, remote: Endpoint): Buffer {
  const [source, destination] = [addressBytes(local.address), addressBytes(remote.address)];
  const request = Buffer.alloc(56);
  request.writeUInt8(source.length === 16 ? AF_INET6 : AF_INET, 0);
  request.writeUInt8(PROTOCOL.tcp, 1);
  request.writeUInt32LE(ALL_STATES, 4);
  request.writeUInt16BE(local.port, 8);
  request.writeUInt16BE(remote.port, 10);
  request.set(source, 12);
  request.set(destination, 28);
  request.fill(0xff, 48);
  return netlinkMessage(SOCK_DESTROY, NLM_F_ACK, request);
}

/** The message at `at`: struct inet_diag_msg (72 bytes, aligned to 4) and its attributes. Nothing is copied: a table may have tens of thousands. */
function rowAt(datagram: Buffer, at: number): SocketRow {
  const row = bareRowAt(datagram, at) as SocketRow;
  row.cookie = cookieAt(datagram, at + 44);
  return row;
}

function bareRowAt(datagram: Buffer, at: number): Omit<SocketRow, 'cookie'> {
  const timer = TIMERS[datagram.readUInt8(at + 2)] ?? 'none';
  const isIpv6 = datagram.readUInt8(at) === AF_INET6;
  return {
    state: stateOfLinux(datagram.readUInt8(at + 1)),
    timer,
    retransmits: datagram.readUInt8(at + 3),
    local: { port: datagram.readUInt16BE(at + 4), address: addressAt(datagram, at + 8, isIpv6) },
    remote: { port: datagram.readUInt16BE(at + 6), address: addressAt(datagram, at + 24, isIpv6) },
    expiresMs: timer === 'none' ? null : datagram.readUInt32LE(at + 52),
    receiveQueue: datagram.readUInt32LE(at + 56),
    sendQueue: datagram.readUInt32LE(at + 60),
    uid: datagram.readUInt32LE(at + 64),
    inode: datagram.readUInt32LE(at + 68),
    info: infoAfter(datagram, at + 72, at - 16 + datagram.readUInt32LE(at - 16)),
  };
}

/** In hexadecimal, as ss shows it: two 32-bit words, the lower one first. */
function cookieAt(datagram: Buffer, at: number): string {
  const [low, high] = [datagram.readUInt32LE(at), datagram.readUInt32LE(at + 4)];
  return high === 0 ? low.toString(16) : high.toString(16) + low.toString(16).padStart(8, '0');
}

const [ipv4, MOST_KNOWN] = [new Map<number, string>(), 4096];

/** Of many rows, few have another address: its text is made once. */
function addressAt(datagram: Buffer, at: number, isIpv6: boolean): string {
  if (isIpv6) return addressText(datagram.subarray(at, at + 16));
  const number = datagram.readUInt32BE(at);
  let text = ipv4.get(number);
  if (text === undefined) {
    if (ipv4.size >= MOST_KNOWN) ipv4.clear();
    text = addressText(datagram.subarray(at, at + 4));
    ipv4.set(number, text);
  }
  return text;
}

/** struct tcp_info (aligned to 8; longer with each kernel), among the attributes from `from` to `to`; its times are in microseconds. */
function infoAfter(datagram: Buffer, from: number, to: number): TcpInfo | null {
  const at = infoAt(datagram, from, to);
  if (at === null) return null;
  return {
    probes: datagram.readUInt8(at + 3),
    backoff: datagram.readUInt8(at + 4),
    rtoMs: datagram.readUInt32LE(at + 8) / 1000,
    unacknowledged: datagram.readUInt32LE(at + 24),
    rttMs: datagram.readUInt32LE(at + 68) / 1000,
    congestionWindow: datagram.readUInt32LE(at + 80),
    totalRetransmits: datagram.readUInt32LE(at + 100),
  };
}

/** Where struct tcp_info begins; null if the row has none. */
function infoAt(datagram: Buffer, from: number, to: number): number | null {
  for (let at = from; at + 4 <= to; ) {
    const length = datagram.readUInt16LE(at);
    if (length < 4) break;
    if (datagram.readUInt16LE(at + 2) === INET_DIAG_INFO) return at + 4;
    at += align(length);
  }
  return null;
}

/** How long ago a socket last sent data, and received data and an acknowledgment: unlike the other times of struct tcp_info in milliseconds. */
export interface SocketAges {
  lastSentMs: number;
  lastReceivedMs: number;
  lastAckMs: number;
}

function agesAt(datagram: Buffer, at: number | null): SocketAges | null {
  if (at === null) return null;
  return {
    lastSentMs: datagram.readUInt32LE(at + 44),
    lastReceivedMs: datagram.readUInt32LE(at + 52),
    lastAckMs: datagram.readUInt32LE(at + 56),
  };
}
