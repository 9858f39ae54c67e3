import { describe, expect, it } from 'vitest';
import {
  CONNECTION,
  crafted,
  dropped,
  listenerRow,
  lost,
  passed,
  ruleSet,
  segment,
  sockets,
  timelineOf,
} from '../../test/hand-built.ts';
import type { State } from '../tcp/state.ts';
import type { Connection } from './connection.ts';
import type { Counted, HostName, SocketsSeen, TimelineEvent } from './events.ts';
import { unreached } from './unreached.ts';

const OTHER: Connection = { ...CONNECTION, client: { ...CONNECTION.client, port: 41235 } };
const syn = segment('client', 'S', 0);
const otherSyn = segment('client', 'S', 0, null, OTHER);
const synAck = segment('server', 'S.', 0, 1);
const ack = segment('client', '.', 1, 1);
const refusal = { ...segment('server', 'R.', 0, 1), seq: 0 };
const listens = (atMs = 0): SocketsSeen => sockets(atMs, 'server', null, listenerRow());
const has = (atMs: number, state: State): SocketsSeen => sockets(atMs, 'server', state, listenerRow());

function counted(atMs: number, host: HostName, counters: Record<string, number>): Counted {
  return { type: 'counted', atMs, host, counters };
}

function told(counters: Record<string, number>, ...events: TimelineEvent[]) {
  return unreached(timelineOf(...events, counted(9, 'server', counters)));
}

const overflows = (number: number) => ({
  TcpExtListenOverflows: number,
  TcpExtListenDrops: number,
});
const full = { TcpExtTCPReqQFullDrop: 1, TcpExtListenDrops: 1 };

describe('a SYN that a listener did not answer', () => {
  it('met a full accept queue, when that is counted as often', () => {
    expect(told(overflows(2), listens(), ...passed(1, 'client', syn), ...passed(2, 'client', syn))).toEqual([
      {
        host: 'server',
        what: 'SYN',
        segments: 2,
        why: 'accept queue full',
        counters: { TcpExtListenOverflows: 2 },
      },
    ]);
  });

  it('met a full SYN queue, when that is counted as often', () => {
    expect(told(full, listens(), ...passed(1, 'client', syn))).toMatchObject([
      { segments: 1, why: 'SYN queue full', counters: { TcpExtTCPReqQFullDrop: 1 } },
    ]);
  });

  it('is told apart from others by number where both queues were full', () => {
    const both = { TcpExtListenOverflows: 1, TcpExtTCPReqQFullDrop: 1, TcpExtListenDrops: 2 };
    const events = [listens(), ...passed(1, 'client', syn), ...passed(2, 'client', otherSyn)];
    expect(told(both, ...events)).toMatchObject([
      { segments: 1, why: 'accept queue full' },
      { segments: 1, why: 'SYN queue full' },
    ]);
  });

  it('was dropped for another reason, when only the drop is counted', () => {
    expect(told({ TcpExtListenDrops: 1 }, listens(), ...passed(1, 'client', syn))).toMatchObject([
      { why: 'listener dropped it', counters: { TcpExtListenDrops: 1 } },
    ]);
  });

  it.each([
    ['more', overflows(2)],
    ['fewer', {}],
    ['others', { ...overflows(1), TcpExtTCPReqQFullDrop: 1 }],
  ])('is left open when %s are counted', (_, counters) => {
    expect(told(counters, listens(), ...passed(1, 'client', syn))).toEqual([
      { host: 'server', what: 'SYN', segments: 1, why: null, counters },
    ]);
  });

  it('is only one that was given to it: a rule’s drop is not told of', () => {
    expect(
      told(overflows(1), listens(), ...passed(1, 'client', syn), dropped(1.01, 'server', 'in', syn)),
    ).toEqual([]);
  });

  it('is not one that it answered, however the answer fared', () => {
    const events = [listens(), ...passed(1, 'client', syn), dropped(1.1, 'server', 'out', synAck)];
    expect(told(overflows(1), ...events, has(2, 'SYN-RECEIVED'))).toEqual([]);
  });

  it('stays unanswered when the next one is answered', () => {
    const events = [
      listens(),
      ...passed(1, 'client', syn),
      ...passed(3, 'client', syn),
      ...passed(3.1, 'server', synAck),
      has(4, 'SYN-RECEIVED'),
    ];
    expect(told(full, ...events, listens(1.5))).toMatchObject([{ segments: 1, why: 'SYN queue full' }]);
  });
});

describe('the final ACK of a handshake', () => {
  const opening = [listens(), ...passed(1, 'client', syn), ...passed(1.1, 'server', synAck)];

  it('met a full accept queue, when that is counted and the request stays', () => {
    expect(
      told(overflows(1), ...opening, ...passed(1.2, 'client', ack), has(2, 'SYN-RECEIVED')),
    ).toMatchObject([{ what: 'final ACK', segments: 1, why: 'accept queue full' }]);
  });

  it('met nothing of the kind when the connection stands then', () => {
    expect(told({}, ...opening, ...passed(1.2, 'client', ack), has(2, 'ESTABLISHED'))).toEqual([]);
  });

  it('and a SYN, both kept out by one queue, are told by their numbers', () => {
    const events = [
      ...opening,
      ...passed(1.2, 'client', ack),
      ...passed(1.3, 'client', otherSyn),
      has(2, 'SYN-RECEIVED'),
    ];
    expect(told(overflows(2), ...events)).toMatchObject([
      { what: 'SYN', segments: 1, why: 'accept queue full' },
      { what: 'final ACK', segments: 1, why: 'accept queue full' },
    ]);
    expect(told(overflows(1), ...events)).toMatchObject([
      { what: 'SYN', why: null },
      { what: 'final ACK', why: null },
    ]);
  });
});

describe('a segment that is answered by RST', () => {
  const nobody = sockets(0, 'server', null);

  it('met no socket, when none is listed and its host has counted the RST', () => {
    expect(
      told({ TcpOutRsts: 1 }, nobody, ...passed(1, 'client', syn), ...passed(1.1, 'server', refusal)),
    ).toEqual([{ host: 'server', what: 'SYN', segments: 1, why: 'no socket', counters: { TcpOutRsts: 1 } }]);
  });

  it('met no socket, though the last look before it still showed the listener that has closed since', () => {
    const stale = [listens(), ...passed(1, 'client', syn), ...passed(1.1, 'server', refusal)];
    const later = [
      sockets(2, 'server', null),
      ...passed(3, 'client', syn),
      ...passed(3.1, 'server', refusal),
    ];
    expect(told({ TcpOutRsts: 2 }, ...stale, ...later)).toMatchObject([
      { what: 'SYN', segments: 2, why: 'no socket' },
    ]);
    expect(told({ TcpOutRsts: 1 }, ...stale)).toMatchObject([{ what: 'SYN', segments: 1, why: 'no socket' }]);
  });

  it('by a listener has reached that, when it was an ACK', () => {
    const reset = segment('server', 'R', 1);
    const events = [listens(), ...passed(1, 'client', ack), ...passed(1.1, 'server', reset), listens(2)];
    expect(told({ TcpOutRsts: 1 }, ...events)).toEqual([]);
  });

  it('of a host that has counted none was answered by something else', () => {
    expect(told({}, nobody, ...passed(1, 'client', syn), ...passed(1.1, 'server', refusal))).toMatchObject([
      { why: null, counters: {} },
    ]);
  });

  it('by its host’s socket, which is listed, has reached that', () => {
    const reset = segment('server', 'R', 1);
    const events = [has(0, 'FIN-WAIT-2'), ...passed(1, 'client', ack), ...passed(1.1, 'server', reset)];
    expect(told({ TcpOutRsts: 1 }, ...events, listens(2))).toEqual([]);
  });

  it('with other numbers was not answered', () => {
    const stray = segment('server', 'R', 500);
    expect(
      told({ TcpOutRsts: 1 }, nobody, ...passed(1, 'client', ack), ...passed(1.1, 'server', stray)),
    ).toEqual([]);
  });

  it('of a rule’s, was not given to the host', () => {
    const rejects = ruleSet(0.5, 'server', 'meta l4proto tcp reject with tcp reset');
    const events = [nobody, rejects, ...passed(1, 'client', syn), dropped(1.01, 'server', 'in', syn)];
    expect(told({ TcpOutRsts: 1 }, ...events, ...passed(1.1, 'server', refusal))).toEqual([]);
  });

  it('that was crafted there is answered by nobody', () => {
    const events = [nobody, ...passed(1, 'client', syn), crafted(1.05, 'server', refusal)];
    expect(told({ TcpOutRsts: 1 }, ...events, ...passed(1.1, 'server', refusal))).toEqual([]);
  });
});

it('nothing is said without counters', () => {
  const events = [sockets(0, 'server', null), ...passed(1, 'client', syn), ...passed(1.1, 'server', refusal)];
  expect(unreached(timelineOf(...events))).toEqual([]);
});

it('nothing is said of a host whose capture lost packets: an answer may be among them', () => {
  const events = [listens(), ...passed(1, 'client', syn)];
  expect(told(overflows(1), ...events, lost(2, 'packets', 'server', 'lost 3 packets'))).toEqual([]);
  expect(told(overflows(1), ...events, lost(2, 'packets', 'client', 'lost 3 packets'))).toHaveLength(1);
});

it('the last counters are those that count', () => {
  const events = [listens(), ...passed(1, 'client', syn)];
  const timeline = timelineOf(...events, counted(8, 'server', {}), counted(9, 'server', overflows(1)));
  expect(unreached(timeline)).toMatchObject([{ segments: 1, why: 'accept queue full' }]);
});

it('what has come since it was last asked counts as well', () => {
  const timeline = timelineOf(listens(), ...passed(1, 'client', syn), counted(8, 'server', overflows(1)));
  expect(unreached(timeline)).toMatchObject([{ segments: 1 }]);
  for (const event of [...passed(2, 'client', syn), counted(9, 'server', overflows(2))]) timeline.add(event);
  expect(unreached(timeline)).toMatchObject([{ segments: 2 }]);
});
