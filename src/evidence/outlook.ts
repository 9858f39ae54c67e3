import { sameEndpoint } from '../tcp/endpoint.ts';
import { type Forecast, forecast } from '../tcp/forecast.ts';
import { type PendingRequest, timeoutsSince } from '../tcp/request.ts';
import { type SequenceNumber, seqAdd } from '../tcp/sequence.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { TcpSysctls } from '../tcp/sysctls.ts';
import type { Peculiarities } from '../tcp/timers.ts';
import { type Captured, type Dropped, type HostName, otherHost } from './events.ts';
import { peculiaritiesOf } from './socket-options.ts';
import type { Timeline } from './timeline.ts';

/** All that a lab has seen, to predict a socket's future. */
export interface Seen {
  timeline: Timeline;
  /** As they are at `nowMs`; the other host's may be unknown. */
  tables: Partial<Record<HostName, readonly SocketRow[]>>;
  sysctls: Partial<Record<HostName, TcpSysctls>>;
  nowMs: number;
}

/** What will become of a socket of a lab, by its own row, its packets, and what its peer is about to send. */
export function outlookOf(host: HostName, row: SocketRow, seen: Seen, known: Peculiarities = {}): Forecast {
  const sysctls = seen.sysctls[host];
  if (!sysctls) throw new Error(`the sysctls of the ${host} are not known`);
  const options = { ...peculiaritiesOf(seen.timeline, host, row, sysctls), ...known };
  if (row.state === 'TIME-WAIT') options.finsMs = peerSendsMs(host, row, seen) ?? [];
  const isRequest = row.state === 'SYN-RECEIVED' && row.inode === 0;
  if (isRequest) options.request = requestOf(host, row, seen);
  return forecast(row, sysctls, options);
}

/** When the peer's timer retransmits; null if its socket is not in the other host's table. */
function peerSendsMs(host: HostName, { local, remote }: SocketRow, seen: Seen): readonly number[] | null {
  const other = otherHost(host);
  const peer = seen.tables[other]?.find(
    (row) => sameEndpoint(row.local, remote) && sameEndpoint(row.remote, local),
  );
  const sysctls = seen.sysctls[other];
  if (!peer || !sysctls) return null;
  if (peer.timer !== 'retransmission') return [];
  return forecast(peer, sysctls, peculiaritiesOf(seen.timeline, other, peer, sysctls)).sendsMs;
}

type PacketEvent = Captured | Dropped;

function requestOf(host: HostName, row: SocketRow, seen: Seen): PendingRequest {
  const { answers, hasArrived } = handshakeOf(seen, host, row);
  const acknowledged = answers !== null && answers.acks > 0;
  return {
    // A deferred request lets its timer expire in silence.
    timeouts:
      acknowledged && row.expiresMs !== null
        ? timeoutsSince(seen.nowMs - answers.lastMs, row.expiresMs, answers.timeouts)
        : (answers?.timeouts ?? null),
    acknowledged,
    synsMs: hasArrived ? peerSendsMs(host, row, seen) : [],
    crowded: isCrowded(row, seen.tables[host] ?? []),
  };
}

interface Answers {
  /** The initial number of the request, by which its SYN-ACKs are known. */
  seq: SequenceNumber;
  timeouts: number;
  /** How many acknowledgments of the SYN-ACK have come through. */
  acks: number;
  lastMs: number;
}

/** What its packets show of a request: its SYN-ACKs, and whether the client's last SYN got to it. */
function handshakeOf({ timeline, nowMs }: Seen, host: HostName, { local, remote }: SocketRow) {
  const isOurs = ({ wire, atMs }: PacketEvent) =>
    atMs <= nowMs &&
    wire.kind === 'tcp' &&
    [wire.segment.source, wire.segment.destination].every(
      (end) => sameEndpoint(end, local) || sameEndpoint(end, remote),
    );
  const events: PacketEvent[] = [
    ...timeline.of('captured').filter((event) => event.host === host && isOurs(event)),
    ...timeline
      .of('dropped')
      .filter((event) => (event.host === host || event.hook === 'out') && isOurs(event)),
  ];
  let answers = null as Answers | null;
  let [isAnswer, hasArrived] = [false, true];
  for (const event of events.sort((a, b) => a.atMs - b.atMs)) {
    if (event.wire.kind !== 'tcp') continue;
    const { flags, seq, ack } = event.wire.segment;
    const isLost = event.type === 'dropped';
    if (flags.startsWith('S.')) {
      const before: Answers | null = answers?.seq === seq ? answers : null;
      const timeouts: number = before ? before.timeouts + Number(!isAnswer) : 0;
      answers = { seq, timeouts, acks: before?.acks ?? 0, lastMs: event.atMs };
      isAnswer = false;
    } else if (flags.startsWith('S')) {
      // A packet is captured before a rule drops it.
      isAnswer = hasArrived = !isLost;
    } else if (answers && !flags.includes('R') && ack === seqAdd(answers.seq, 1)) {
      answers.acks += isLost ? -Number(event.host === host) : 1;
    }
  }
  return { answers, hasArrived };
}

/** Whether a listener has so many requests that it may allow each fewer SYN-ACKs (reqsk_timer_handler). */
function isCrowded({ local }: SocketRow, rows: readonly SocketRow[]): boolean {
  const listener = rows.find(({ state, local: at }) => state === 'LISTEN' && at.port === local.port);
  const requests = rows.filter(
    (row) => row.state === 'SYN-RECEIVED' && row.inode === 0 && row.local.port === local.port,
  );
  return listener !== undefined && 2 * requests.length > Math.max(8, listener.sendQueue);
}
