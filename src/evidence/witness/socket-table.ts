import { isListenerOf, sameEndpoint } from '../../tcp/endpoint.ts';
import type { SocketRow } from '../../tcp/socket-row.ts';
import type { State } from '../../tcp/state.ts';
import type { ConnectionEnd } from '../connection.ts';
import type { Observation, Witness } from './witness.ts';

/** What sock_diag lists in the end's host. */
export const socketTable: Witness = {
  name: 'socket-table',
  follow(timeline, end) {
    const tables = timeline.of('sockets').filter(({ host }) => host === end.host);
    return tables.map(({ atMs, rows }, index): Observation => {
      const [row, before] = [rows, tables[index - 1]?.rows ?? []].map((each) => ownOrListener(each, end));
      // Between two samples the first socket was closed, and for a while the state with it.
      const replaced = row && before?.state === row.state && before.cookie !== row.cookie;
      if (replaced) return { atMs, states: [], why: `another socket than before is in ${row.state}` };
      return { atMs, states: [stateInTable(rows, end)], why: null };
    });
  },
};

/** The state of an end by the rows of its host: without a row it is CLOSED, even if there is a listener. */
export function stateInTable(rows: readonly SocketRow[], end: ConnectionEnd): State {
  return ownOrListener(rows, end)?.state ?? 'CLOSED';
}

function ownOrListener(rows: readonly SocketRow[], end: ConnectionEnd): SocketRow | undefined {
  const own = rowOf(rows, end);
  const isOver = own === undefined || own.state === 'CLOSED';
  return (isOver && end.listening ? listenerOf(rows, end) : undefined) ?? own;
}

/** A socket whose connection has gone to TIME-WAIT stays behind, CLOSED, while its descriptor is open: that is not the row. */
export function rowOf(rows: readonly SocketRow[], end: ConnectionEnd): SocketRow | undefined {
  const own = rows.filter(
    (row) => sameEndpoint(row.local, end.local) && sameEndpoint(row.remote, end.remote),
  );
  return own.find(({ state }) => state !== 'CLOSED') ?? own[0];
}

export function listenerOf(rows: readonly SocketRow[], end: ConnectionEnd): SocketRow | undefined {
  return rows.find(({ state, local }) => state === 'LISTEN' && isListenerOf(local, end.local));
}
