import { formatEndpoint } from '../../tcp/endpoint.ts';
import type { Fact } from '../../tcp/fold.ts';
import type { SocketRow } from '../../tcp/socket-row.ts';
import type { ConnectionEnd } from '../connection.ts';
import type { HostName } from '../events.ts';
import { hasGuests, isWatched, mayHaveDropped } from '../foreign-rules.ts';
import type { Timeline } from '../timeline.ts';
import { arrivals, callsOfEnd, type EndCalls } from './end-calls.ts';
import { kernelChanges } from './kernel-events.ts';
import { listenerOf, rowOf } from './socket-table.ts';

/** What a timeline shows about an end, apart from its segments. */
export class EndFacts {
  readonly #timeline: Timeline;
  readonly #end: ConnectionEnd;
  #table: TableFacts = { untilMs: Number.NEGATIVE_INFINITY, stands: false, isFull: false };

  constructor(timeline: Timeline, end: ConnectionEnd) {
    this.#timeline = timeline;
    this.#end = end;
  }

  /** In order of time. A later event may change what is known about the beginning. */
  get lasting(): Fact[] {
    const [timeline, end] = [this.#timeline, this.#end];
    const calls = callsOfEnd(timeline, end);
    const known = {
      calls: calls.calls,
      maker: calls.calls === 'all' ? calls.maker : null,
      listens: calls.listens,
      inConnect: calls.inConnect,
      ...queueOf(timeline, end, calls),
      ...sysctlsAtFirst(timeline, end.host),
    };
    const facts: Fact[] = [
      ...calls.facts,
      ...sysctlsWritten(timeline, end.host),
      ...cookiesOf(timeline, end, calls),
      ...byKernel(timeline, end),
    ];
    return [{ atMs: Number.NEGATIVE_INFINITY, known }, ...facts.sort((a, b) => a.atMs - b.atMs)];
  }

  /** The facts from socket-table samples that were not read before. */
  nextOfTable(): Fact[] {
    const [facts, table] = factsOfTable(this.#timeline, this.#end, this.#table);
    this.#table = table;
    return facts;
  }

  /** An independent copy. */
  copy(): EndFacts {
    const copy = new EndFacts(this.#timeline, this.#end);
    copy.#table = this.#table;
    return copy;
  }
}

/** Where others set rules, one may drop what arrived, unless the kernel reports each drop. */
export function mayDropUnseen(timeline: Timeline, host: HostName, atMs: number): boolean {
  const opened = timeline.of('lab-opened')[0];
  if (opened?.watched)
    return opened.kernelEvents?.noDrops !== null && mayHaveDropped(timeline, host, 'received', atMs);
  const about = opened?.hosts?.[host];
  return about !== undefined && about.kernelEvents?.noDrops !== null;
}

/** A new network namespace has the kernel's defaults (net/ipv4/tcp_ipv4.c, tcp_sk_init); others may set any value. */
function sysctlsAtFirst(timeline: Timeline, host: HostName) {
  const isOurs = timeline.of('lab-opened')[0]?.hosts === undefined && !isWatched(timeline);
  return isOurs && !linger2(timeline, host)
    ? { rfc1337: false, finTimeoutMs: 60_000 }
    : { rfc1337: isOurs ? false : null, finTimeoutMs: null };
}

/** TCP_LINGER2 sets it for one socket. */
function linger2(timeline: Timeline, host: HostName): boolean {
  return [...timeline.of('call'), ...timeline.of('program-call')].some(
    (event) => event.host === host && event.detail.startsWith('TCP_LINGER2'),
  );
}

function sysctlsWritten(timeline: Timeline, of: HostName): Fact[] {
  return timeline.of('sysctl-written').flatMap(({ atMs, host, name, value }): Fact[] => {
    if (host !== of) return [];
    if (name === 'net.ipv4.tcp_rfc1337') return [{ atMs, known: { rfc1337: Number(value) !== 0 } }];
    if (name === 'net.ipv4.tcp_fin_timeout') return [{ atMs, known: { finTimeoutMs: Number(value) * 1000 } }];
    return [];
  });
}

/**
 * By default a listener sends cookies when its SYN queue is full: more requests than the backlog (net/ipv4/tcp_input.c,
 * tcp_conn_request). Only tests of the kernel's own have it send them always, so that is believed only if tcplab has set it.
 */
function cookiesOf(timeline: Timeline, end: ConnectionEnd, { listener }: EndCalls): Fact[] {
  const backlog = listener?.backlog ?? backlogInTable(timeline, end) ?? 0;
  const whenFull = mostRequests(timeline, end) > backlog + 1 ? 'maybe' : 'never';
  const fact = (atMs: number, value: number): Fact => {
    const synCookies = value === 0 ? 'never' : value === 2 ? 'always' : whenFull;
    return { atMs, known: { synCookies } };
  };
  const atFirst: Fact = { atMs: Number.NEGATIVE_INFINITY, known: { synCookies: whenFull } };
  const written = timeline
    .of('sysctl-written')
    .filter(({ host, name }) => host === end.host && name === 'net.ipv4.tcp_syncookies');
  return [atFirst, ...written.map(({ atMs, value }) => fact(atMs, Number(value)))];
}

/** How many clients had sent a SYN and nothing more, at most at once. */
function mostRequests(timeline: Timeline, end: ConnectionEnd): number {
  const clients = new Set<string>();
  let most = 0;
  for (const { segment } of arrivals(timeline, end)) {
    const client = formatEndpoint(segment.source);
    if (!segment.flags.includes('S')) clients.delete(client);
    else if (!segment.flags.includes('.')) clients.add(client);
    most = Math.max(most, clients.size);
  }
  return most;
}

/** The accept queue has space if it is as long as the list of all that have sent a SYN. */
function queueOf(timeline: Timeline, end: ConnectionEnd, { listener }: EndCalls) {
  if (timeline.of('lab-opened').length === 0) return { hasQueueSpace: true, defersAccept: false } as const;
  const backlog = listener?.backlog ?? backlogInTable(timeline, end);
  const hasQueueSpace = backlog !== null && clientsOf(timeline, end) <= backlog + 1 ? (true as const) : null;
  return { hasQueueSpace, defersAccept: listener?.defers ?? defersByReading(timeline, end) };
}

function backlogInTable(timeline: Timeline, end: ConnectionEnd): number | null {
  for (const { host, rows } of timeline.of('sockets').reverse()) {
    const listener = host === end.host ? listenerOf(rows, end) : undefined;
    if (listener) return listener.sendQueue;
  }
  return null;
}

/** What was read from the listener's own socket. */
function defersByReading(timeline: Timeline, end: ConnectionEnd): boolean | null {
  const read = timeline
    .of('socket-options')
    .findLast(
      ({ host, local, remote }) => host === end.host && remote.port === 0 && local.port === end.local.port,
    );
  const seconds = read?.options?.['TCP_DEFER_ACCEPT'];
  return seconds === undefined ? null : seconds > 0;
}

/** How many clients have sent more than a SYN: each may have a connection in the accept queue. */
function clientsOf(timeline: Timeline, end: ConnectionEnd): number {
  const clients = new Set<string>();
  for (const { segment } of arrivals(timeline, end)) {
    if (segment.ack !== null && !/[SR]/.test(segment.flags)) clients.add(formatEndpoint(segment.source));
  }
  return clients.size;
}

/** The kernel's clock and the packets' agree to much less; a socket that ends sends its RST afterwards. */
const AFTER_MS = 5;

function byKernel(timeline: Timeline, end: ConnectionEnd): Fact[] {
  const changes = kernelChanges(timeline, end).filter(({ of }) => of === 'connection');
  const accepted = changes.filter(({ from, to }) => from === 'SYN-RECEIVED' && to === 'ESTABLISHED');
  const gone = changes.filter(({ to }) => to === 'CLOSED');
  return [
    ...accepted.map(({ atMs }): Fact => ({ atMs: atMs + AFTER_MS, accepted: true })),
    ...gone.map(({ atMs, from }): Fact => {
      const goesOn = from === 'FIN-WAIT-2' || from === 'CLOSING' || from === 'FIN-WAIT-1';
      const except = goesOn ? (['TIME-WAIT', 'FIN-WAIT-2'] as const) : [];
      return { atMs: atMs + AFTER_MS, gone: true, sinceMs: atMs, except, from };
    }),
  ];
}

/** Up to when the table was read, whether the end's socket was in it, and whether its listener's queue was full. */
interface TableFacts {
  readonly untilMs: number;
  readonly stands: boolean;
  readonly isFull: boolean;
}

/** A program may accept between two looks at the table; what tcplab accepts is on the timeline. */
function isAcceptSeen(timeline: Timeline, end: ConnectionEnd): boolean {
  const { calls, listener } = callsOfEnd(timeline, end);
  return calls === 'all' && listener !== null && !hasGuests(timeline, end.host);
}

/** More wait than the backlog (include/net/sock.h, sk_acceptq_is_full): for `ss`, Recv-Q is beyond Send-Q. */
function isQueueFull(listener: SocketRow | undefined): boolean {
  return listener !== undefined && listener.receiveQueue > listener.sendQueue;
}

/** Whether the table shows a descriptor of the end's socket, and when its row disappears. */
function factsOfTable(timeline: Timeline, end: ConnectionEnd, before: TableFacts): [Fact[], TableFacts] {
  const facts: Fact[] = [];
  let { untilMs, stands: stood, isFull: wasFull } = before;
  for (const { atMs, tookMs, host, rows } of timeline.after('sockets', untilMs)) {
    untilMs = atMs;
    if (host !== end.host) continue;
    const row = rowOf(rows, end);
    const stands = row !== undefined && row.state !== 'CLOSED';
    if (stood && !stands) facts.push({ atMs, gone: true, sinceMs: atMs - tookMs, except: [] });
    if (row && stands && row.state !== 'TIME-WAIT' && row.state !== 'SYN-RECEIVED')
      facts.push({ atMs, hasDescriptor: row.inode !== 0, sinceMs: atMs - tookMs });
    if (!row || row.state === 'SYN-RECEIVED')
      facts.push({ atMs, hasRequest: row !== undefined, sinceMs: atMs - tookMs });
    stood = stands;
    const isFull = isQueueFull(listenerOf(rows, end)) && isAcceptSeen(timeline, end);
    if (isFull !== wasFull) facts.push({ atMs, known: { isQueueFull: isFull } });
    wasFull = isFull;
  }
  return [facts, { untilMs, stands: stood, isFull: wasFull }];
}
