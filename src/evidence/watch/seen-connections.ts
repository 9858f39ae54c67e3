import { type Endpoint, formatEndpoint, sameEndpoint } from '../../tcp/endpoint.ts';
import type { SocketRow } from '../../tcp/socket-row.ts';
import type { State } from '../../tcp/state.ts';
import type { Connection } from '../connection.ts';
import type { Captured, Dropped, HostName, SocketsSeen, TimelineEvent } from '../events.ts';
import type { Timeline } from '../timeline.ts';

/** A time that a socket spent in one state, as the socket table of its host shows it. */
export interface Stay {
  state: State;
  /** When a look first showed it. */
  fromMs: number;
  /** When the last look began that showed it; null while it goes on. */
  lastMs: number | null;
}

/** An end of a connection, or a listener, through the looks at its host's socket table. */
export interface SeenEnd {
  host: HostName;
  local: Endpoint;
  /** Port 0 for a listener. */
  remote: Endpoint;
  /** In the order of time. CLOSED counts once there was a socket. */
  stays: Stay[];
  /** As the last look found it; null where there is no socket. */
  row: SocketRow | null;
}

export interface SeenConnection {
  /** In the order in which they appeared, from 1. */
  number: number;
  connection: Connection;
  /** When its first packet or socket was seen. */
  firstMs: number;
  /** The same of the last one so far. */
  lastMs: number;
  ends: Record<HostName, SeenEnd>;
}

/** All connections between both hosts, and all listeners, whichever program made them. */
export interface Seen {
  readonly connections: readonly SeenConnection[];
  readonly listeners: readonly SeenEnd[];
  /** Ends of connections within one host, over its loopback interface: no packet of these is captured. */
  readonly inside: readonly SeenEnd[];
}

const indexes = new WeakMap<Timeline, SeenIndex>();

/** What a timeline shows, as far as it goes: it is read once, then followed. */
export function seenOn(timeline: Timeline): Seen {
  let index = indexes.get(timeline);
  if (!index) {
    index = new SeenIndex(timeline);
    indexes.set(timeline, index);
  }
  return index;
}

class SeenIndex implements Seen {
  readonly connections: SeenConnection[] = [];
  readonly listeners: SeenEnd[] = [];
  readonly inside: SeenEnd[] = [];
  readonly #byKey = new Map<string, SeenConnection>();
  /** The ends that have a socket now, by host. */
  readonly #standing: Record<HostName, Map<string, SeenEnd>> = { client: new Map(), server: new Map() };

  constructor(timeline: Timeline) {
    for (const event of timeline) this.#add(event);
    timeline.follow((event) => this.#add(event));
  }

  #add(event: TimelineEvent): void {
    if (event.type === 'sockets') this.#addTable(event);
    else if (event.type === 'captured' || event.type === 'dropped') this.#addPacket(event);
  }

  #addPacket(event: Captured | Dropped): void {
    const { host, wire, atMs } = event;
    if (wire.kind !== 'tcp' || isInside(wire.segment.source, wire.segment.destination)) return;
    const hasLeft = event.type === 'captured' ? event.direction === 'sent' : event.hook === 'out';
    const { source, destination } = wire.segment;
    const [own, other] = hasLeft ? [source, destination] : [destination, source];
    this.#connection(host, own, other, atMs);
  }

  #addTable({ host, rows, atMs, sameUntilMs }: SocketsSeen): void {
    const now = new Map<string, SocketRow>();
    for (const row of rows) {
      if (row.remote.port === 0 && row.state !== 'LISTEN') continue;
      const key = keyOf(row);
      const before = now.get(key);
      // A socket whose connection went to TIME-WAIT stays behind, CLOSED, while its descriptor is open.
      if (!before || before.state === 'CLOSED') now.set(key, row);
    }
    const standing = this.#standing[host];
    for (const [key, end] of standing) {
      if (now.has(key)) continue;
      enter(end, null, atMs, sameUntilMs);
      standing.delete(key);
    }
    for (const [key, row] of now) {
      const end = standing.get(key) ?? this.#endOf(host, row, atMs);
      standing.set(key, end);
      enter(end, row, atMs, sameUntilMs);
    }
  }

  #endOf(host: HostName, { local, remote }: SocketRow, atMs: number): SeenEnd {
    const isListener = remote.port === 0;
    if (!isListener && !isInside(local, remote))
      return this.#connection(host, local, remote, atMs).ends[host];
    const known = isListener
      ? this.listeners.find((end) => end.host === host && sameEndpoint(end.local, local))
      : undefined;
    if (known) return known;
    const end: SeenEnd = { host, local, remote, stays: [], row: null };
    (isListener ? this.listeners : this.inside).push(end);
    return end;
  }

  #connection(host: HostName, own: Endpoint, other: Endpoint, atMs: number): SeenConnection {
    const connection = host === 'client' ? { client: own, server: other } : { client: other, server: own };
    const { client, server } = connection;
    const key = `${formatEndpoint(client)} ${formatEndpoint(server)}`;
    const known = this.#byKey.get(key);
    if (known) {
      known.lastMs = atMs;
      return known;
    }
    const seen: SeenConnection = {
      number: this.connections.length + 1,
      connection,
      firstMs: atMs,
      lastMs: atMs,
      ends: {
        client: { host: 'client', local: client, remote: server, stays: [], row: null },
        server: { host: 'server', local: server, remote: client, stays: [], row: null },
      },
    };
    this.#byKey.set(key, seen);
    this.connections.push(seen);
    return seen;
  }
}

/** Both ends are sockets of one host: nothing of it passes the wire. */
function isInside(local: Endpoint, remote: Endpoint): boolean {
  return local.address === remote.address || [local, remote].some(({ address }) => isLoopback(address));
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

function keyOf({ local, remote }: SocketRow): string {
  return `${formatEndpoint(local)} ${formatEndpoint(remote)}`;
}

/** Takes note of what a look found of an end. */
function enter(end: SeenEnd, row: SocketRow | null, atMs: number, sameUntilMs: number | undefined): void {
  const last = end.stays.at(-1);
  const state = row?.state ?? 'CLOSED';
  const isSame = last?.state === state && (row === null || end.row === null || end.row.cookie === row.cookie);
  end.row = row;
  if (isSame) return;
  if (last?.lastMs === null) last.lastMs = Math.max(last.fromMs, sameUntilMs ?? last.fromMs);
  end.stays.push({ state, fromMs: atMs, lastMs: null });
}
