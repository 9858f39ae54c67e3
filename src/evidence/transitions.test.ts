import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CONNECTION,
  kernelSaw,
  kernelSawListener,
  opened,
  passed,
  segment,
  timelineOf,
} from '../../test/hand-built.ts';
import {
  aborted,
  BLIND,
  CLOSE,
  called,
  HANDSHAKE,
  HANDSHAKE_PRINTED,
  historyAt,
  table,
  transitionsAt,
} from '../../test/state-history.ts';
import type { SocketTimer } from '../tcp/socket-row.ts';
import type { State } from '../tcp/state.ts';
import type { Called, SocketsSeen, TimelineEvent } from './events.ts';
import { stateHistoryOf } from './transitions.ts';

describe('a connection that opens and closes', () => {
  const events = [opened(), ...HANDSHAKE, ...HANDSHAKE_PRINTED, ...CLOSE];

  it('takes the arcs of the RFC’s table, at both ends, in the order of time', () => {
    const { transitions } = stateHistoryOf(timelineOf(...events), CONNECTION);
    expect(transitions.map(({ host, arc }) => [host, arc?.number])).toEqual([
      ['server', 1],
      ['client', 2],
      ['server', 3],
      ['client', 6],
      ['server', 12],
      ['client', 17],
      ['server', 18],
      ['client', 24],
      ['server', 35],
      ['client', 29],
      ['server', 38],
    ]);
    for (const { arc, from, to } of transitions) expect(arc).toMatchObject({ from, to });
    const times = transitions.map(({ atMs }) => atMs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  it('is told by the segments first, and by the kernel what no segment shows', () => {
    expect(transitionsAt('server', ...events).map(({ source }) => source)).toEqual([
      'kernel-events',
      ...Array(5).fill('packets'),
    ]);
  });

  it('names who saw where a transition led, before the next one', () => {
    const looks = [table(11, 'client', 'FIN-WAIT-1'), table(13, 'client', 'FIN-WAIT-2')];
    const printed = kernelSaw(10.01, 'client', 'ESTABLISHED', 'FIN-WAIT-1');
    const seen = transitionsAt('client', ...events, ...looks, printed).map(({ to, seenBy }) => [to, seenBy]);
    expect(seen).toEqual([
      ['SYN-SENT', ['packets', 'kernel-events']],
      ['ESTABLISHED', ['packets', 'kernel-events']],
      ['FIN-WAIT-1', ['socket-table', 'packets', 'kernel-events']],
      ['FIN-WAIT-2', ['socket-table', 'packets']],
      ['TIME-WAIT', ['packets']],
    ]);
  });

  it('is none that another connection takes', () => {
    const other = { ...CONNECTION, client: { ...CONNECTION.client, port: 41_235 } };
    const { transitions, particularities } = stateHistoryOf(timelineOf(...events), other);
    expect(transitions.map(({ arc }) => arc?.number)).toEqual([1]);
    expect(particularities).toEqual([]);
  });
});

describe('a socket table that is read while a segment arrives', () => {
  const events = [BLIND, ...HANDSHAKE, ...CLOSE];
  const without = historyAt('client', ...events);

  it.each<[string, SocketsSeen]>([
    ['before it', table(12.2, 'client', 'FIN-WAIT-1', { tookMs: 0.4 })],
    ['after it', table(12.2, 'client', 'FIN-WAIT-2', { tookMs: 0.4 })],
    ['before two of them', table(14.2, 'client', 'FIN-WAIT-1', { tookMs: 2.5 })],
    ['between two of them', table(14.2, 'client', 'FIN-WAIT-2', { tookMs: 2.5 })],
    ['after two of them', table(14.2, 'client', 'TIME-WAIT', { tookMs: 2.5 })],
  ])('and shows what was %s makes no transition', (_, seen) => {
    expect(historyAt('client', ...events, seen)).toEqual(without);
  });

  it('makes one when it was read before or after and shows something else', () => {
    const late = table(12.2, 'client', 'FIN-WAIT-1', { tookMs: 0.1 });
    expect(historyAt('client', ...events, late)).toContain('FIN-WAIT-2 → FIN-WAIT-1 (no arc, socket-table)');
    const early = table(11.9, 'client', 'FIN-WAIT-2', { tookMs: 0.4 });
    expect(historyAt('client', ...events, early)).toContain('FIN-WAIT-1 → FIN-WAIT-2 (24, packets)');
    expect(historyAt('client', ...events, early)).toContain('FIN-WAIT-1 → FIN-WAIT-2 (no arc, socket-table)');
  });

  it('makes none whenever it is read, and however long that takes', () => {
    const history: [fromMs: number, state: State | null][] = [
      [0, null],
      [2, 'SYN-SENT'],
      [3.01, 'ESTABLISHED'],
      [10, 'FIN-WAIT-1'],
      [12.01, 'FIN-WAIT-2'],
      [14.01, 'TIME-WAIT'],
    ];
    const moment = fc.double({ min: 0.5, max: 30, noNaN: true });
    const look = fc.tuple(
      moment,
      fc.double({ min: 0, max: 4, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
    );
    fc.assert(
      fc.property(fc.array(look, { maxLength: 8 }), (looks) => {
        const tables = looks.map(([atMs, tookMs, part]) => {
          const readMs = atMs - tookMs * part;
          const state = history.findLast(([fromMs]) => fromMs <= readMs)?.[1] ?? null;
          return table(atMs, 'client', state, { tookMs });
        });
        expect(historyAt('client', ...events, ...tables)).toEqual(without);
      }),
    );
  });
});

describe('an RST that an end sends', () => {
  const reset = passed(20, 'client', segment('client', 'R.', 1, 1));
  const ofAnother = (event: Called): Called => ({ ...event, socket: 9 });
  const idle = table(6, 'client', 'ESTABLISHED');
  const probing = table(6, 'client', 'ESTABLISHED', { timer: 'keepalive' });
  const retransmitting = table(6, 'client', 'ESTABLISHED', { timer: 'retransmission' });

  it.each<[string, number, TimelineEvent[]]>([
    ['the program aborts', 20, [idle, aborted(19.9, 'client')]],
    ['the program aborts a connection that keepalive probes', 20, [probing, aborted(19.9, 'client')]],
    ['the program closes and has not read all', 20, [idle, called(19.9, 'client', 'close')]],
    ['the administrator destroys it', 23, [idle, called(19.9, 'client', 'destroy')]],
    ['the administrator destroys what keepalive probes', 23, [probing, called(19.9, 'client', 'destroy')]],
    ['a keepalive gives up', 22, [probing]],
    ['nothing else tells: some other program aborts', 20, [idle]],
    // Whose retries are exhausted sends none.
    ['some other program aborts while data is under way', 20, [retransmitting]],
    [
      'a call of long before is not it',
      22,
      [probing, aborted(5, 'server'), ofAnother(called(5, 'client', 'close'))],
    ],
    ['a call that failed is not it', 22, [probing, called(19.9, 'client', 'destroy', '', 'ENOENT')]],
    ['a call of the other host is not it', 22, [probing, aborted(19.9, 'server')]],
  ])('means that %s: arc %i', (_, number, events) => {
    const gone = table(21, 'client', null);
    const printed = kernelSaw(20.01, 'client', 'ESTABLISHED', 'CLOSED');
    const without = [BLIND, ...HANDSHAKE, ...events, ...reset, gone];
    const withKernel = [opened(), ...HANDSHAKE_PRINTED, printed, ...without.slice(1)];
    for (const all of [without, withKernel])
      expect(historyAt('client', ...all)).toEqual([`ESTABLISHED → CLOSED (${number}, packets)`]);
  });

  it('is what the other end is given', () => {
    const server = historyAt('server', BLIND, ...HANDSHAKE, ...reset, table(21, 'server', null));
    expect(server.at(-1)).toBe('ESTABLISHED → CLOSED (19, packets)');
  });
});

describe('a row that vanishes without a segment', () => {
  const finWait1 = CLOSE.slice(0, 2);
  const finWait2 = CLOSE.slice(0, 4);
  const timer = (state: State, name: SocketTimer, expiresMs = 100, inode = 1) =>
    table(100, 'client', state, { timer: name, expiresMs, inode });

  const vanishing: [State, TimelineEvent[], SocketTimer, number | 'no arc', inode?: number][] = [
    ['ESTABLISHED', [], 'retransmission', 21],
    ['ESTABLISHED', [], 'keepalive', 22],
    ['FIN-WAIT-1', finWait1, 'retransmission', 28],
    ['FIN-WAIT-2', finWait2, 'time-wait', 31],
    // The kernel's keepalive timer measures the part of tcp_fin_timeout that is above a minute.
    ['FIN-WAIT-2', finWait2, 'keepalive', 31, 0],
    ['FIN-WAIT-2', finWait2, 'keepalive', 66],
    ['TIME-WAIT', CLOSE, 'time-wait', 41],
    ['ESTABLISHED', [], 'none', 'no arc'],
    ['FIN-WAIT-1', finWait1, 'none', 'no arc'],
    ['FIN-WAIT-2', finWait2, 'none', 'no arc'],
  ];

  it.each(vanishing)('in %s is the arc of its timer', (state, events, name, number, inode) => {
    const row = timer(state, name, 100, inode);
    const all = [BLIND, ...HANDSHAKE, ...events, row, table(300, 'client', null)];
    expect(historyAt('client', ...all).at(-1)).toBe(`${state} → CLOSED (${number}, socket-table)`);
  });

  it.each(vanishing)('in %s is it by the kernel’s word as well', (state, events, name, number) => {
    if (state === 'TIME-WAIT' || state === 'FIN-WAIT-2') return;
    const printed = kernelSaw(299, 'client', state, 'CLOSED');
    const all = [
      ...HANDSHAKE,
      ...HANDSHAKE_PRINTED,
      ...events,
      timer(state, name),
      table(300, 'client', null),
    ];
    const course = historyAt('client', opened(), ...all, printed);
    expect(course.at(-1)).toBe(`${state} → CLOSED (${number}, kernel-events)`);
    expect(course.filter((each) => each.includes('→ CLOSED'))).toHaveLength(1);
  });

  it.each<[State, TimelineEvent[], abort: number | 'no arc', destroy: number]>([
    ['FIN-WAIT-1', finWait1, 59, 60],
    ['FIN-WAIT-2', CLOSE.slice(0, 5), 64, 65],
    // No program has a descriptor for it: an abort does not end it.
    ['TIME-WAIT', CLOSE, 'no arc', 79],
  ])('in %s by a call is not its timer’s', (state, events, abort, destroy) => {
    const calls = [
      [aborted(200, 'client'), abort],
      [called(200, 'client', 'destroy'), destroy],
    ] as const;
    for (const [call, number] of calls) {
      const name = state === 'FIN-WAIT-1' ? 'retransmission' : 'time-wait';
      const all = [BLIND, ...HANDSHAKE, ...events, timer(state, name), call, table(300, 'client', null)];
      const { from, to, arc } = transitionsAt('client', ...all).at(-1) ?? {};
      expect([from, to, arc?.number ?? 'no arc']).toEqual([state, 'CLOSED', number]);
    }
  });

  it.each(vanishing.filter(([, , , number]) => number !== 'no arc'))(
    'in %s, long before its timer was due, is not its doing',
    (state, events, name) => {
      const all = [BLIND, ...HANDSHAKE, ...events, timer(state, name, 60_000), table(300, 'client', null)];
      expect(historyAt('client', ...all).at(-1)).toBe(`${state} → CLOSED (no arc, socket-table)`);
    },
  );

  it('while its timer was due is not its doing either, when the kernel has counted none that it gave up', () => {
    const all = [BLIND, ...HANDSHAKE, timer('ESTABLISHED', 'retransmission'), table(300, 'client', null)];
    const counted = (given: number): TimelineEvent => ({
      ...{ type: 'counted', atMs: 400, host: 'client' },
      counters: given > 0 ? { TcpExtTCPAbortOnTimeout: given } : {},
    });
    expect(historyAt('client', ...all, counted(0)).at(-1)).toBe(
      'ESTABLISHED → CLOSED (no arc, socket-table)',
    );
    expect(historyAt('client', ...all, counted(1)).at(-1)).toBe('ESTABLISHED → CLOSED (21, socket-table)');
  });

  it('was due as soon as the row allows, when the table took long to read', () => {
    const slow = { ...timer('FIN-WAIT-2', 'time-wait', 150), tookMs: 90 };
    const all = [BLIND, ...HANDSHAKE, ...CLOSE.slice(0, 4), slow, table(180, 'client', null)];
    expect(transitionsAt('client', ...all).at(-1)).toMatchObject({
      from: 'FIN-WAIT-2',
      arc: { trigger: 'FIN-WAIT-2 timeout' },
    });
  });

  it.each<[State, TimelineEvent[], SocketTimer, number]>([
    ['ESTABLISHED', [], 'retransmission', 57],
    ['ESTABLISHED', [], 'keepalive', 57],
    ['FIN-WAIT-1', finWait1, 'retransmission', 61],
    ['FIN-WAIT-2', finWait2, 'keepalive', 67],
  ])('in %s is the user timeout’s where one is set', (state, events, name, number) => {
    const ends = (...more: TimelineEvent[]) =>
      historyAt(
        'client',
        ...[BLIND, ...HANDSHAKE, ...events, ...more, timer(state, name), table(300, 'client', null)],
      ).at(-1);
    const set = called(50, 'client', 'setsockopt', 'TCP_USER_TIMEOUT 300');
    expect(ends(set)).toBe(`${state} → CLOSED (${number}, socket-table)`);
    expect(ends(called(50, 'client', 'setsockopt', 'TCP_USER_TIMEOUT 0'))).not.toBe(ends(set));
    expect(ends({ ...set, host: 'server' })).not.toBe(ends(set));
  });

  it('in TIME-WAIT, long before its timer would have fired, is not explained', () => {
    const minute = timer('TIME-WAIT', 'time-wait', 60_000);
    const gone = (atMs: number) =>
      historyAt('client', BLIND, ...HANDSHAKE, ...CLOSE, minute, table(atMs, 'client', null)).at(-1);
    expect(gone(5000)).toBe('TIME-WAIT → CLOSED (no arc, socket-table)');
    expect(gone(60_100)).toBe('TIME-WAIT → CLOSED (41, socket-table)');
  });

  it('in SYN-SENT is a close, or the retries', () => {
    const opening = [BLIND, called(1.95, 'client', 'connect', '', 'EINPROGRESS')];
    const syn = passed(2, 'client', segment('client', 'S', 0));
    const waits = table(100, 'client', 'SYN-SENT', { timer: 'retransmission' });
    const ends = (...events: TimelineEvent[]) =>
      transitionsAt('client', ...opening, ...syn, waits, ...events, table(300, 'client', null)).at(-1);
    expect(ends()?.arc?.number).toBe(10);
    expect(ends(called(200, 'client', 'close'))?.arc?.number).toBe(11);
  });

  it('is told once, though the end is found CLOSED by its RST before the table is read', () => {
    const opening = [BLIND, called(1.95, 'client', 'connect', '', 'EINPROGRESS')];
    const syn = passed(2, 'client', segment('client', 'S', 0));
    const waits = table(100, 'client', 'SYN-SENT', { timer: 'retransmission' });
    const close = called(200, 'client', 'close');
    const knock = [
      ...passed(210, 'server', segment('server', 'S', 500)),
      ...passed(210.1, 'client', segment('client', 'R.', 0, 501)),
    ];
    for (const goneMs of [205, 215]) {
      const gone = table(goneMs, 'client', null);
      const course = transitionsAt('client', ...opening, ...syn, waits, close, ...knock, gone);
      expect(course.map(({ arc }) => arc?.number)).toEqual([2, 11]);
    }
  });

  it('of a request is the end of its retries, and the listener listens on', () => {
    const all = [
      BLIND,
      table(0.5, 'server', null),
      ...HANDSHAKE.slice(0, 6),
      table(3.5, 'server', 'SYN-RECEIVED', { listens: true, timer: 'retransmission' }),
      table(1100, 'server', null, { listens: true }),
    ];
    expect(historyAt('server', ...all).at(-1)).toBe('SYN-RECEIVED → LISTEN (15, socket-table)');
  });
});

describe('an RST that an orphan sends', () => {
  const closed = [called(9.9, 'client', 'close'), ...CLOSE.slice(1, 5)];
  const orphan = table(13, 'client', 'FIN-WAIT-2', { timer: 'time-wait', expiresMs: 60_000, inode: 0 });
  const late = { ...segment('server', 'P.', 1, 2), payload: Buffer.from('late') };
  const gone = table(21, 'client', null);
  const course = (...more: TimelineEvent[]) =>
    historyAt('client', BLIND, ...HANDSHAKE, ...closed, orphan, ...more, gone).at(-1);

  it('is the reply to data that no program can read', () => {
    const events = [...passed(20, 'server', late), ...passed(20.1, 'client', segment('client', 'R', 2))];
    expect(course(...events)).toBe('FIN-WAIT-2 → CLOSED (62, packets)');
  });

  it('is none of a program’s, when nothing arrived before it', () => {
    expect(course(...passed(20.1, 'client', segment('client', 'R.', 2, 1)))).toBe(
      'FIN-WAIT-2 → CLOSED (no arc, packets)',
    );
  });

  it('is the reply to a SYN that ended it', () => {
    const refused = { ...segment('client', 'R.', 0, 501), seq: 0 };
    const events = [...passed(20, 'server', segment('server', 'S', 500)), ...passed(20.1, 'client', refused)];
    expect(course(...events)).toBe('FIN-WAIT-2 → CLOSED (63, packets)');
  });
});

describe('an RST in TIME-WAIT', () => {
  const waits = table(16, 'client', 'TIME-WAIT', { timer: 'time-wait', expiresMs: 60_000 });
  const reset = passed(20, 'server', segment('server', 'R', 2));
  const events = [BLIND, ...HANDSHAKE, ...CLOSE, waits, ...reset];

  it('ends it when the row is then gone', () => {
    const course = historyAt('client', ...events, table(20.3, 'client', null, { tookMs: 0.1 }));
    expect(course.at(-1)).toBe('TIME-WAIT → CLOSED (42, packets)');
  });

  it('is not said to end it while the row is there (tcp_rfc1337 = 1)', () => {
    expect(historyAt('client', ...events).at(-1)).toBe('FIN-WAIT-2 → TIME-WAIT (29, packets)');
    const still = table(30, 'client', 'TIME-WAIT', { timer: 'time-wait', expiresMs: 50_000 });
    expect(historyAt('client', ...events, still).at(-1)).toBe('FIN-WAIT-2 → TIME-WAIT (29, packets)');
  });
});

describe('a listener', () => {
  it('that closes while a connection from it stands changes nothing of that', () => {
    const listens = [table(0.5, 'server', null), called(4.9, 'server', 'close')];
    const printed = kernelSawListener(5, 'LISTEN', 'CLOSED');
    const stands = table(6, 'server', 'ESTABLISHED');
    const events = [opened(), ...HANDSHAKE, ...HANDSHAKE_PRINTED, ...listens, printed, stands, ...CLOSE];
    expect(historyAt('server', ...events)).toEqual([
      'CLOSED → LISTEN (1, kernel-events)',
      'LISTEN → SYN-RECEIVED (3, packets)',
      'SYN-RECEIVED → ESTABLISHED (12, packets)',
      'LISTEN → CLOSED (5, kernel-events)',
      'ESTABLISHED → CLOSE-WAIT (18, packets)',
      'CLOSE-WAIT → LAST-ACK (35, packets)',
      'LAST-ACK → CLOSED (38, packets)',
    ]);
    const established = transitionsAt('server', ...events).find(({ to }) => to === 'ESTABLISHED');
    expect(established?.seenBy).toContain('socket-table');
  });

  it('is told by the table alone where the kernel’s word is missing', () => {
    const looks = [table(0.5, 'server', null), table(5, 'server', null, { listens: true })];
    const calls = [called(1, 'server', 'listen'), called(6, 'server', 'close')];
    const events = [BLIND, ...looks, ...calls, table(7, 'server', null)];
    expect(historyAt('server', ...events)).toEqual([
      'CLOSED → LISTEN (1, socket-table)',
      'LISTEN → CLOSED (5, socket-table)',
    ]);
  });
});
