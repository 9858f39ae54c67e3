import { formatEndpoint } from '../tcp/endpoint.ts';
import type { Segment } from '../tcp/segment.ts';
import { seqAdd } from '../tcp/sequence.ts';
import { type Connection, type ConnectionEnd, endOf } from './connection.ts';
import { type HostName, otherHost, type SocketsSeen } from './events.ts';
import { inputsOf } from './segments.ts';
import type { Timeline } from './timeline.ts';
import { listenerOf, rowOf } from './witness/socket-table.ts';

/** Segments that were delivered to a host's TCP and that reached no connection, and why, as far as its counters show. */
export interface Unreached {
  host: HostName;
  what: 'SYN' | 'final ACK' | 'SYN-ACK' | 'segment';
  segments: number;
  /** Null when the counters leave it open. */
  why:
    | 'accept queue full'
    | 'SYN queue full'
    | 'accept deferred'
    | 'listener dropped it'
    | 'no socket'
    | null;
  /** The counters that show it; or, when they leave it open, all that could have. */
  counters: Record<string, number>;
}

/**
 * A counter does not name a segment: its count is attributed to segments only when their number leaves no choice. Of all
 * connections, since the counters are those of the host. Without counters the result is empty.
 */
export function unreached(timeline: Timeline): readonly Unreached[] {
  const before = known.get(timeline);
  if (before?.events === timeline.length) return before.found;
  const found = workedOut(timeline);
  known.set(timeline, { events: timeline.length, found });
  return found;
}

/** A cache, because a ladder and a page need it several times, and it reads every segment of every connection. */
const known = new WeakMap<Timeline, { events: number; found: readonly Unreached[] }>();

function workedOut(timeline: Timeline): Unreached[] {
  // The counters of a machine that others use as well count theirs, too.
  if (timeline.of('lab-opened')[0]?.hosts) return [];
  const lost = timeline.of('lost').filter(({ witness }) => witness === 'packets');
  return (
    timeline
      .of('counted')
      .filter(({ host }, index, all) => all.findLastIndex((later) => later.host === host) === index)
      // An answer that the capture lost would be missed.
      .filter(({ host }) => !lost.some((event) => event.host === host))
      .flatMap(({ host, counters }) => {
        const tables = timeline.of('sockets').filter((event) => event.host === host);
        const arrivals = connectionsOf(timeline, host).flatMap((connection) =>
          arrivalsOf(timeline, connection, host, tables),
        );
        return [...unanswered(host, arrivals, counters), ...refused(host, arrivals, counters)];
      })
  );
}

interface Arrival {
  what: Unreached['what'];
  /** `nowhere`: the socket table has neither a row nor, for a SYN, a listener for it. */
  met: 'connection' | 'request' | 'listener' | 'nowhere';
  answer: 'none' | 'RST' | 'other';
}

/** Why the kernel drops a segment that its counters count among those of a listener. */
const COUNTED = ['TCP_LISTEN_OVERFLOW'];

const OVERFLOWS = 'TcpExtListenOverflows';
const QUEUE_DROPS = 'TcpExtTCPReqQFullDrop';
const DROPS = 'TcpExtListenDrops';
const DEFERRED = 'TcpExtTCPDeferAcceptDrop';
const RESETS = 'TcpOutRsts';

/**
 * What a listener dropped (net/ipv4/tcp_input.c, tcp_conn_request; tcp_ipv4.c, tcp_v4_syn_recv_sock): a SYN for which a queue has
 * no room, or the final ACK of a handshake for which the accept queue has none. Each is counted in one of the first
 * two counters, and besides in ListenDrops, as are SYNs that are dropped for another reason.
 */
function unanswered(host: HostName, arrivals: Arrival[], all: Record<string, number>): Unreached[] {
  const syns = count(arrivals, ({ what, met, answer }) => {
    return what === 'SYN' && met === 'listener' && answer === 'none';
  });
  const acks = count(arrivals, ({ what, answer }) => what === 'final ACK' && answer !== 'RST');
  const [overflows, queueDrops, drops] = [all[OVERFLOWS] ?? 0, all[QUEUE_DROPS] ?? 0, all[DROPS] ?? 0];
  const noted = (what: Unreached['what'], segments: number, why: Unreached['why'], names: string[]) =>
    segments > 0 ? [{ host, what, segments, why, counters: pick(all, names) }] : [];
  // TCP_DEFER_ACCEPT (tcp_minisocks.c, tcp_check_req).
  if (syns + overflows + queueDrops === 0 && acks > 0 && all[DEFERRED] === acks)
    return noted('final ACK', acks, 'accept deferred', [DEFERRED]);
  if (queueDrops === 0 && overflows === syns + acks) {
    return [
      ...noted('SYN', syns, 'accept queue full', [OVERFLOWS]),
      ...noted('final ACK', acks, 'accept queue full', [OVERFLOWS]),
    ];
  }
  if (acks === 0 && overflows + queueDrops === syns) {
    return [
      ...noted('SYN', overflows, 'accept queue full', [OVERFLOWS]),
      ...noted('SYN', queueDrops, 'SYN queue full', [QUEUE_DROPS]),
    ];
  }
  if (acks === 0 && overflows + queueDrops === 0 && drops === syns) {
    return noted('SYN', syns, 'listener dropped it', [DROPS]);
  }
  const names = [OVERFLOWS, QUEUE_DROPS, DROPS];
  return [...noted('SYN', syns, null, names), ...noted('final ACK', acks, null, names)];
}

/** What was answered by the RST of a host that has no socket for it. A firewall's RST is not counted in OutRsts. */
function refused(host: HostName, arrivals: Arrival[], all: Record<string, number>): Unreached[] {
  const met = arrivals.filter(({ met, answer }) => met === 'nowhere' && answer === 'RST');
  const why = (all[RESETS] ?? 0) >= met.length ? 'no socket' : null;
  return (['SYN', 'SYN-ACK', 'segment'] as const).flatMap((what): Unreached[] => {
    const segments = count(met, (arrival) => arrival.what === what);
    return segments > 0 ? [{ host, what, segments, why, counters: pick(all, [RESETS]) }] : [];
  });
}

/** What one end of a connection was given, what it found, and what came back. */
function arrivalsOf(
  timeline: Timeline,
  connection: Connection,
  host: HostName,
  tables: SocketsSeen[],
): Arrival[] {
  const end = endOf(connection, host, 'LISTEN');
  const arrivals: Arrival[] = [];
  let last: { arrival: Arrival; segment: Segment } | undefined;
  for (const input of inputsOf(timeline, connection, host, COUNTED)) {
    if ('icmp' in input) continue;
    const { segment, direction, atMs } = input;
    if (direction === 'sent') {
      // The kernel answers at once, so that an answer is to what came last.
      if (last) last.arrival.answer = answers(segment, last.segment) ? 'RST' : 'other';
      // A listener never answers a SYN so (RFC 9293, 3.10.7.2): the look that shows one is older than its close.
      if (last?.arrival.what === 'SYN' && last.arrival.met === 'listener' && last.arrival.answer === 'RST')
        last.arrival.met = 'nowhere';
      last = undefined;
    } else if (!segment.flags.includes('R')) {
      const met = whatWasThere(tables, end, atMs);
      const arrival: Arrival = { what: kindOf(segment, met), met, answer: 'none' };
      arrivals.push(arrival);
      last = { arrival, segment };
    }
  }
  return arrivals;
}

/** Whether a segment is the RST that RFC 9293, 3.10.7.1 has sent for another. */
function answers(reset: Segment, to: Segment): boolean {
  if (!reset.flags.includes('R')) return false;
  if (to.ack !== null) return reset.seq === to.ack;
  const controls = Number(to.flags.includes('S')) + Number(to.flags.includes('F'));
  return reset.ack === seqAdd(to.seq, to.length + controls);
}

function kindOf({ flags }: Segment, met: Arrival['met']): Unreached['what'] {
  if (flags.includes('S')) return flags.includes('.') ? 'SYN-ACK' : 'SYN';
  return met === 'request' ? 'final ACK' : 'segment';
}

/** By the looks before and after: what neither of them shows was not there. A request is one that both show, or the later. */
function whatWasThere(tables: SocketsSeen[], end: ConnectionEnd, atMs: number): Arrival['met'] {
  const before = tables.findLast((table) => table.atMs <= atMs);
  const after = tables.find((table) => table.atMs > atMs) ?? before;
  const looks = [before, after].filter((table) => table !== undefined);
  if (rowOf(after?.rows ?? [], end)?.state === 'SYN-RECEIVED') return 'request';
  if (looks.length === 0 || looks.some(({ rows }) => rowOf(rows, end))) return 'connection';
  return looks.some(({ rows }) => listenerOf(rows, end)) ? 'listener' : 'nowhere';
}

/** Those of which the host was given a segment. */
function connectionsOf(timeline: Timeline, host: HostName): Connection[] {
  const connections = new Map<string, Connection>();
  for (const event of timeline.of('captured')) {
    if (event.host !== host || event.direction !== 'received' || event.wire.kind !== 'tcp') continue;
    const { source, destination } = event.wire.segment;
    const ends = { [host]: destination, [otherHost(host)]: source } as unknown as Connection;
    connections.set(`${formatEndpoint(source)} ${formatEndpoint(destination)}`, ends);
  }
  return [...connections.values()];
}

function count(arrivals: Arrival[], matches: (arrival: Arrival) => boolean): number {
  return arrivals.filter(matches).length;
}

function pick(counters: Record<string, number>, names: string[]): Record<string, number> {
  return Object.fromEntries(names.flatMap((name) => (counters[name] ? [[name, counters[name]]] : [])));
}
