import { sameEndpoint } from '../../tcp/endpoint.ts';
import type { SocketRow } from '../../tcp/socket-row.ts';
import type { State } from '../../tcp/state.ts';
import type { ConnectionEnd } from '../connection.ts';
import type { Witness } from './witness.ts';

/** What sock_diag lists in the end's host. */
export const socketTable: Witness = {
  name: 'socket-table',
  follow: (timeline, end) =>
    timeline
      .of('sockets')
      .filter(({ host }) => host === end.host)
      .map(({ atMs, rows }) => ({ atMs, states: [stateInTable(rows, end)], why: null })),
};

/** The state of an end by the rows of its host: without a row it is CLOSED, whoever else may listen. */
export function stateInTable(rows: readonly SocketRow[], end: ConnectionEnd): State {
  const listener = end.listening ? listenerOf(rows, end) : undefined;
  return (rowOf(rows, end) ?? listener)?.state ?? 'CLOSED';
}

/** A socket whose connection has gone to TIME-WAIT stays behind, CLOSED, while its descriptor is open: that is not the row. */
export function rowOf(rows: readonly SocketRow[], end: ConnectionEnd): SocketRow | undefined {
  const own = rows.filter(
    (row) => sameEndpoint(row.local, end.local) && sameEndpoint(row.remote, end.remote),
  );
  return own.find(({ state }) => state !== 'CLOSED') ?? own[0];
}

export function listenerOf(rows: readonly SocketRow[], end: ConnectionEnd): SocketRow | undefined {
  const addresses = [end.local.address, '0.0.0.0', '::'];
  return rows.find(
    ({ state, local }) =>
      state === 'LISTEN' && local.port === end.local.port && addresses.includes(local.address),
  );
}
