import {
  type Called,
  type HostName,
  otherHost,
  type SocketsSeen,
  type TimelineEvent,
} from '../src/evidence/events.ts';
import { stateHistoryOf, type Transition } from '../src/evidence/transitions.ts';
import type { SocketTimer } from '../src/tcp/socket-row.ts';
import type { State } from '../src/tcp/state.ts';
import {
  CONNECTION,
  kernelSaw,
  kernelSawListener,
  listenerRow,
  MADE,
  opened,
  passed,
  row,
  segment,
  timelineOf,
} from './hand-built.ts';

/** Timelines of a whole connection, for tests of its path through the states. */

interface TableOptions {
  /** How long it took to read it, up to its stamp. */
  tookMs?: number;
  timer?: SocketTimer;
  expiresMs?: number;
  /** 0 where no descriptor refers to the socket. */
  inode?: number;
  /** Whether a listener is there as well. */
  listens?: boolean;
}

/** The socket table of a host, with its end of the connection in a state, or without it. */
export function table(
  atMs: number,
  host: HostName,
  state: State | null,
  options: TableOptions = {},
): SocketsSeen {
  const { tookMs = 0, timer = 'none', expiresMs = null, inode = 1, listens = false } = options;
  const [local, remote] = [CONNECTION[host], CONNECTION[otherHost(host)]];
  const own = state === null ? [] : [{ ...row(state, local, remote), timer, expiresMs, inode }];
  return { type: 'sockets', atMs, tookMs, host, rows: [...(listens ? [listenerRow()] : []), ...own] };
}

export function called(atMs: number, host: HostName, call: string, detail = '', result = 'ok'): Called {
  return { type: 'call', atMs, host, call, socket: 1, detail, result, tookMs: 0.2 };
}

export const aborted = (atMs: number, host: HostName): Called =>
  called(atMs, host, 'close', 'after SO_LINGER 0');

/** The server listens from 1, the client connects at 2, and both are ESTABLISHED by 4. */
export const HANDSHAKE: TimelineEvent[] = [
  ...MADE,
  called(0.9, 'server', 'listen'),
  called(1.95, 'client', 'connect', '', 'EINPROGRESS'),
  ...passed(2, 'client', segment('client', 'S', 0)),
  ...passed(3, 'server', segment('server', 'S.', 0, 1)),
  ...passed(4, 'client', segment('client', '.', 1, 1)),
];

/** The kernel events of the same handshake. */
export const HANDSHAKE_PRINTED: TimelineEvent[] = [
  kernelSawListener(1, 'CLOSED', 'LISTEN'),
  kernelSaw(1.98, 'client', 'CLOSED', 'SYN-SENT'),
  kernelSaw(3.02, 'client', 'SYN-SENT', 'ESTABLISHED'),
  kernelSaw(4.02, 'server', 'LISTEN', 'SYN-RECEIVED'),
  kernelSaw(4.03, 'server', 'SYN-RECEIVED', 'ESTABLISHED'),
];

/** The client shuts down at 10, the server acknowledges it at 12 and closes at 14. */
export const CLOSE: TimelineEvent[] = [
  called(9.9, 'client', 'shutdown', 'SHUT_WR'),
  ...passed(10, 'client', segment('client', 'F.', 1, 1)),
  ...passed(12, 'server', segment('server', '.', 1, 2)),
  called(13.9, 'server', 'close'),
  ...passed(14, 'server', segment('server', 'F.', 1, 2)),
  ...passed(15, 'client', segment('client', '.', 2, 2)),
];

export const BLIND: TimelineEvent = opened('kernel events need root');

export function transitionsAt(host: HostName, ...events: TimelineEvent[]): Transition[] {
  const { transitions } = stateHistoryOf(timelineOf(...events), CONNECTION);
  return transitions.filter((transition) => transition.host === host);
}

/** From the handshake on: `FIN-WAIT-1 → CLOSED (28, socket-table)`. */
export function historyAt(host: HostName, ...events: TimelineEvent[]): string[] {
  return transitionsAt(host, ...events)
    .slice(host === 'client' ? 2 : 0)
    .map(({ from, to, arc, source }) => `${from} → ${to} (${arc?.number ?? 'no arc'}, ${source})`);
}
