import { describe, expect, it } from 'vitest';
import { CONNECTION, listenerRow, row, sockets, timelineOf } from '../../../test/hand-built.ts';
import { endOf } from '../connection.ts';
import type { SocketsSeen } from '../events.ts';
import { listenerOf, rowOf, socketTable, stateInTable } from './socket-table.ts';

const { client, server } = CONNECTION;
const clientEnd = endOf(CONNECTION, 'client', 'ESTABLISHED');
const serverEnd = endOf(CONNECTION, 'server', 'ESTABLISHED');
const listener = endOf(CONNECTION, 'server', 'LISTEN');
const stranger = { address: '192.168.2.10', port: 50000 };

describe('the socket table', () => {
  it('tells each state that it was seen in, in order, for its host alone', () => {
    const timeline = timelineOf(
      sockets(3, 'client', 'FIN-WAIT-1'),
      sockets(1, 'client', 'ESTABLISHED'),
      sockets(2, 'server', 'CLOSE-WAIT'),
      sockets(4, 'client', null),
    );
    expect(socketTable.follow(timeline, clientEnd)).toEqual([
      { atMs: 1, states: ['ESTABLISHED'], why: null },
      { atMs: 3, states: ['FIN-WAIT-1'], why: null },
      { atMs: 4, states: ['CLOSED'], why: null },
    ]);
  });

  it('can’t say that a state was held when the socket in it is another than before', () => {
    const seen = (atMs: number, cookie: string): SocketsSeen => ({
      ...sockets(atMs, 'server', null),
      rows: [{ ...row('SYN-RECEIVED', server, client), cookie }],
    });
    const observations = socketTable.follow(timelineOf(seen(1, 'a'), seen(2, 'a'), seen(3, 'b')), serverEnd);
    expect(observations.filter(({ atMs }) => atMs < 3).map(({ states }) => states)).toEqual([
      ['SYN-RECEIVED'],
      ['SYN-RECEIVED'],
    ]);
    expect(observations).toContainEqual({
      atMs: 3,
      states: [],
      why: expect.stringMatching(/another socket/),
    });
  });

  it('has seen nothing before it was first read', () => {
    expect(socketTable.follow(timelineOf(), clientEnd)).toEqual([]);
  });
});

describe('the state of an end in the table', () => {
  it('is that of the row with both its addresses and ports', () => {
    const rows = [row('TIME-WAIT', client, stranger), row('SYN-SENT', client, server)];
    expect(stateInTable(rows, clientEnd)).toBe('SYN-SENT');
    expect(rowOf(rows, clientEnd)?.state).toBe('SYN-SENT');
    expect(rowOf(rows, serverEnd)).toBeUndefined();
  });

  it('is CLOSED without a row, whoever else may listen', () => {
    expect(stateInTable([listenerRow(), row('ESTABLISHED', server, stranger)], serverEnd)).toBe('CLOSED');
  });

  it('is LISTEN by a listener, when the listener is meant', () => {
    expect(stateInTable([listenerRow()], listener)).toBe('LISTEN');
    expect(stateInTable([listenerRow('192.168.2.11')], listener)).toBe('LISTEN');
    expect(stateInTable([listenerRow('::')], listener)).toBe('LISTEN');
  });

  it('is not LISTEN by a listener on another port or address', () => {
    expect(stateInTable([listenerRow('0.0.0.0', 81)], listener)).toBe('CLOSED');
    expect(stateInTable([listenerRow('127.0.0.1')], listener)).toBe('CLOSED');
    expect(listenerOf([row('ESTABLISHED', server, client)], listener)).toBeUndefined();
  });

  it('is that of a connection that stands, though the listener is meant', () => {
    expect(stateInTable([listenerRow(), row('SYN-RECEIVED', server, client)], listener)).toBe('SYN-RECEIVED');
  });
});
