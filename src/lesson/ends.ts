import { type Connection, endOf } from '../evidence/connection.ts';
import { HOSTS, type HostName, otherHost } from '../evidence/host-name.ts';
import type { Timeline } from '../evidence/timeline.ts';
import { socketTable } from '../evidence/witness/socket-table.ts';
import { formatEndpoint } from '../tcp/endpoint.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { State } from '../tcp/state.ts';

/** The connections between the two hosts of which a socket or a segment was seen, by whomever they were opened, the oldest first. */
export function connectionsOn(timeline: Timeline): Connection[] {
  const found = new Map<string, { atMs: number; connection: Connection }>();
  const add = (atMs: number, connection: Connection) => {
    const key = `${formatEndpoint(connection.client)} ${formatEndpoint(connection.server)}`;
    const known = found.get(key);
    if (!known || known.atMs > atMs) found.set(key, { atMs, connection });
  };
  for (const { atMs, host, rows } of timeline.of('sockets'))
    for (const row of rows) if (row.remote.port !== 0) add(atMs, connectionOfRow(host, row));
  for (const { atMs, host, direction, wire } of timeline.of('captured')) {
    if (wire.kind !== 'tcp') continue;
    const { source, destination } = wire.segment;
    const isFromClient = (host === 'client') === (direction === 'sent');
    add(
      atMs,
      isFromClient ? { client: source, server: destination } : { client: destination, server: source },
    );
  }
  return [...found.values()].sort((a, b) => a.atMs - b.atMs).map(({ connection }) => connection);
}

function connectionOfRow(host: HostName, { local, remote }: SocketRow): Connection {
  return host === 'client' ? { client: local, server: remote } : { client: remote, server: local };
}

/** What a goal in LISTEN is about: each listener of the host, with a peer that need not be there. */
export function listenersOn(timeline: Timeline, host: HostName): Connection[] {
  const { addresses } = timeline.of('lab-opened')[0] ?? {};
  if (!addresses) return [];
  const ports = timeline
    .of('sockets')
    .filter((table) => table.host === host)
    .flatMap(({ rows }) => rows.filter(({ state }) => state === 'LISTEN').map(({ local }) => local.port));
  const peer = { address: addresses[otherHost(host)], port: 0 };
  return [...new Set(ports)].map((port) => {
    const own = { address: addresses[host], port };
    return host === 'client' ? { client: own, server: peer } : { client: peer, server: own };
  });
}

/** A time in which the socket tables show both ends in the states that are asked for. */
export interface Stay {
  fromMs: number;
  untilMs: number;
}

/** The stays of a connection in these states, by the socket tables, up to `untilMs`. */
export function staysOf(
  timeline: Timeline,
  connection: Connection,
  wanted: Partial<Record<HostName, State>>,
  untilMs: number,
): Stay[] {
  const changes = HOSTS.flatMap((host) => {
    const state = wanted[host];
    if (state === undefined) return [];
    return socketTable
      .follow(timeline, endOf(connection, host, state))
      .map(({ atMs, states }) => ({ atMs, host, fits: states.includes(state) }));
  }).sort((a, b) => a.atMs - b.atMs);
  const fits = { client: wanted.client === undefined, server: wanted.server === undefined };
  const stays: Stay[] = [];
  let fromMs: number | undefined;
  for (const change of changes) {
    fits[change.host] = change.fits;
    if (fits.client && fits.server) fromMs ??= change.atMs;
    else if (fromMs !== undefined) {
      stays.push({ fromMs, untilMs: change.atMs });
      fromMs = undefined;
    }
  }
  if (fromMs !== undefined) stays.push({ fromMs, untilMs });
  return stays;
}

/** The state of each end now, by the socket tables. */
export function statesNow(
  timeline: Timeline,
  connection: Connection,
  wanted: Partial<Record<HostName, State>>,
): Record<HostName, State> {
  const now = (host: HostName) => {
    const end = endOf(connection, host, wanted[host] ?? 'CLOSED');
    return socketTable.follow(timeline, end).at(-1)?.states[0] ?? 'CLOSED';
  };
  return { client: now('client'), server: now('server') };
}
