import { describe, expect, it } from 'vitest';
import {
  CONNECTION,
  captured,
  dropped,
  listenerRow,
  opened,
  row,
  segment,
  timelineOf,
} from '../../test/hand-built.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import { parseSysctls } from '../tcp/sysctls.ts';
import type { HostName, TimelineEvent } from './events.ts';
import { outlookOf } from './outlook.ts';

const sysctls = parseSysctls(() => undefined);
const { client, server } = CONNECTION;
const running = { timer: 'retransmission', inode: 0 } as const;
const request: SocketRow = { ...row('SYN-RECEIVED', server, client), ...running, expiresMs: 1000 };
const connecting: SocketRow = { ...row('SYN-SENT', client, server), ...running, inode: 7, expiresMs: 900 };

const syn = (atMs: number) => captured(atMs, 'server', 'received', segment('client', 'S', 0));
const synAck = (atMs: number, seq = 0) => captured(atMs, 'server', 'sent', segment('server', 'S.', seq, 1));
const ack = (atMs: number) => captured(atMs, 'server', 'received', segment('client', '.', 1, 1));

function told(parts: Partial<SocketRow>, nowMs: number, events: TimelineEvent[], others: SocketRow[] = []) {
  const own = { ...request, ...parts };
  const tables: Partial<Record<HostName, SocketRow[]>> = { client: others, server: [own] };
  const timeline = timelineOf(opened(), ...events);
  return outlookOf('server', own, { timeline, tables, sysctls: { client: sysctls, server: sysctls }, nowMs });
}

describe('what becomes of a request', () => {
  it('counts its timeouts, not SYN-ACKs that answered a SYN', () => {
    const events = [syn(0), synAck(0.1), synAck(1010), syn(1011), synAck(1012), ack(1013)];
    const { remaining, unless } = told({ retransmits: 2, expiresMs: 1900 }, 1100, events);
    expect({ remaining, unless }).toEqual({ remaining: 4, unless: null });
  });

  it('begins again with a SYN-ACK of another number', () => {
    const events = [syn(0), synAck(0.1), synAck(1010), syn(4000), synAck(4001, 500), ack(4002)];
    expect(told({ expiresMs: 900 }, 4100, events).remaining).toBe(5);
  });

  it('has no definite end while the client will retransmit its SYN', () => {
    const { givesUpMs, atMostMs, because } = told({}, 10, [syn(0), synAck(0.1)], [connecting]);
    expect(givesUpMs).toBeNull();
    expect(atMostMs).toBeGreaterThan(120_000);
    expect(because).toContain('each SYN that the client retransmits restarts the timer');
  });

  it('has one when the SYNs of the client no longer arrive, and when the client sends no more', () => {
    const arrived = [syn(0), synAck(0.1)];
    const lost = [...arrived, syn(1000), dropped(1000.1, 'server', 'in', segment('client', 'S', 0))];
    expect(told({ expiresMs: 500 }, 1100, lost, [connecting]).givesUpMs).not.toBeNull();
    const kept = [...arrived, dropped(1000, 'client', 'out', segment('client', 'S', 0))];
    expect(told({ expiresMs: 500 }, 1100, kept, [connecting]).givesUpMs).not.toBeNull();
    const last = { ...connecting, retransmits: 6, expiresMs: 60_000 };
    expect(told({}, 10, arrived, [last]).givesUpMs).not.toBeNull();
  });

  it('rests on the next SYN where the client is not known', () => {
    expect(told({}, 10, [syn(0), synAck(0.1)])).toMatchObject({
      remaining: 5,
      unless: expect.stringMatching(/^another SYN/),
    });
  });

  it('may end sooner than its retries, when the listener has many requests', () => {
    const others = Array.from({ length: 4 }, (_, port) => ({ ...request, remote: { ...client, port } }));
    const tables = { client: [], server: [request, ...others, { ...listenerRow(), sendQueue: 5 }] };
    const timeline = timelineOf(opened(), syn(0), synAck(0.1));
    const seen = { timeline, tables, sysctls: { server: sysctls }, nowMs: 10 };
    expect(outlookOf('server', request, seen)).toMatchObject({ givesUpMs: null, remaining: null });
    expect(outlookOf('server', request, seen).atMostMs).toBeGreaterThan(60_000);
  });

  it('is that data or a late ACK establishes it, with TCP_DEFER_ACCEPT', () => {
    const set = { type: 'call', host: 'server', socket: 1, result: 'ok', tookMs: 0 } as const;
    const events: TimelineEvent[] = [
      { ...set, atMs: 0, call: 'bind', detail: `192.168.2.11:${server.port}` },
      { ...set, atMs: 0, call: 'setsockopt', detail: 'TCP_DEFER_ACCEPT 30' },
      ...[syn(1), synAck(1.1), ack(1.2)],
    ];
    // Three silent timeouts are over.
    const { nextMs, nextState, givesUpMs } = told({ expiresMs: 7000 }, 8000, events);
    expect({ nextState, givesUpMs }).toEqual({ nextState: 'ESTABLISHED', givesUpMs: null });
    expect(nextMs).toBeGreaterThan(23_000);
    expect(nextMs).toBeLessThan(24_500);
  });
});

describe('TIME-WAIT', () => {
  it('lasts longer if the peer retransmits its FIN', () => {
    const waiting = {
      ...row('TIME-WAIT', client, server),
      timer: 'time-wait',
      inode: 0,
      expiresMs: 30_000,
    } as const;
    const last = { ...row('LAST-ACK', server, client), ...running, expiresMs: 400 } as const;
    const seen = { timeline: timelineOf(opened()), sysctls: { client: sysctls, server: sysctls }, nowMs: 10 };
    expect(outlookOf('client', waiting, { ...seen, tables: { server: [last] } }).unless).toMatch(
      /retransmits its FIN/,
    );
    expect(outlookOf('client', waiting, { ...seen, tables: { server: [] } }).unless).toBeNull();
  });
});
