import type { SocketTimer } from '../tcp/socket-row.ts';
import { type State, stateOfLinux } from '../tcp/state.ts';
import { hexAddress } from './endpoint.ts';
import { rowOf, type TableEndpoint, type TableRow } from './row.ts';

const ROW =
  /(?:^|\s)\d{1,7}:\s+([\dA-F]{8}|[\dA-F]{32}):([\dA-F]{4})\s+([\dA-F]{8}|[\dA-F]{32}):([\dA-F]{4})\s+([\dA-F]{2})\s+([\dA-F]{8}):([\dA-F]{8})\s+([\dA-F]{2}):([\dA-F]{8})\s+([\dA-F]{8})\s+(\d+)\s+(\d+)\s+(\d+)/i;
const TIMERS: readonly SocketTimer[] = ['none', 'retransmission', 'keepalive', 'time-wait', 'probe'];

/** A row of /proc/net/tcp or tcp6 (proc_pid_net(5); net/ipv4/tcp_ipv4.c, get_tcp4_sock). Undefined for any other text. */
export function procRow(text: string): TableRow | undefined {
  const found = ROW.exec(text);
  if (!found) return undefined;
  const [, localHex = '', localPort = '', peerHex = '', peerPort = '', st = '', ...rest] = found;
  const [send = '', receive = '', tr = '', when = '', retransmits = '', uid, probes, inode] = rest;
  const state = linuxState(Number.parseInt(st, 16));
  if (!state) return undefined;
  const kind = TIMERS[Number.parseInt(tr, 16)] ?? 'none';
  const isProbe = kind === 'keepalive' || kind === 'probe';
  return rowOf({
    state,
    local: endpoint(localHex, localPort),
    peer: state === 'LISTEN' ? null : endpoint(peerHex, peerPort),
    sendQueue: state === 'LISTEN' ? null : Number.parseInt(send, 16),
    receiveQueue: Number.parseInt(receive, 16),
    timer: {
      kind,
      // In clock ticks, of which there are 100 a second for programs (USER_HZ).
      leftMs: kind === 'none' ? null : Number.parseInt(when, 16) * 10,
      count: isProbe ? Number(probes) : Number.parseInt(retransmits, 16),
    },
    uid: Number(uid),
    inode: Number(inode),
  });
}

function linuxState(number: number): State | undefined {
  return number >= 1 && number <= 13 ? stateOfLinux(number) : undefined;
}

function endpoint(hex: string, port: string): TableEndpoint {
  const number = Number.parseInt(port, 16);
  return { address: hexAddress(hex), port: number === 0 ? null : number, service: null, isCut: false };
}
