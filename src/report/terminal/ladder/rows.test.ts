import { describe, expect, it } from 'vitest';
import { called, fin, handshake, PLAIN, rows, slow, syn, synAck } from '../../../../test/drawn.ts';
import {
  CONNECTION,
  claimed,
  crafted,
  heldFrom,
  kernelSaw,
  kernelSawListener,
  listenerRow,
  passed,
  row,
  ruleSet,
  segment,
  sockets,
  timelineOf,
} from '../../../../test/hand-built.ts';
import type { Connection } from '../../../evidence/connection.ts';
import type { SocketRow } from '../../../tcp/socket-row.ts';
import { formatLadder, ladderParts } from './ladder.ts';

describe('a segment that arrived and that nobody took', () => {
  it('is told by the counters', () => {
    const counters = { TcpExtListenOverflows: 1, TcpExtListenDrops: 1 };
    expect(
      rows(
        sockets(0.5, 'server', null, listenerRow()),
        ...passed(1, 'client', syn),
        sockets(2, 'server', null, listenerRow()),
        { type: 'counted', atMs: 3, host: 'server', counters: {} },
        { type: 'counted', atMs: 4, host: 'server', counters },
      ),
    ).toContain(`
3.00 ms                  │ · the server's accept queue was    ┊
                         │   full: its kernel dropped 1 SYN   ┊
                         │   (TcpExtListenOverflows +1)       ┊
`);
  });
});

describe('a rule', () => {
  it('stands at its host’s firewall, and goes', () => {
    expect(
      rows(
        ...passed(1, 'client', syn),
        ruleSet(2, 'client', 'tcp sport 80 drop', 1),
        ruleSet(3, 'server', 'tcp sport 41234 tcp dport 80 reject with icmp type port-unreachable', 2),
        { type: 'rule-lifted', atMs: 4, host: 'client', rule: 1 },
        { type: 'rule-lifted', atMs: 5, host: 'server', rule: 2 },
      ),
    ).toBe(`
      0         SYN-SENT ├─ [S] SYN  seq 0 ──────────────────▶┊
1.00 ms                  │▒ rule 1: tcp sport 80 drop         ┊
2.00 ms                  │    rule 2: tcp sport 41234 tcp    ▒┊
                         │    dport 80 reject with icmp type ▒┊
                         │    port-unreachable               ▒┊
3.00 ms                  │▒ rule 1 removed                    ┊
4.00 ms                  │                    rule 2 removed ▒┊
`);
  });
});

describe('a listener that closes', () => {
  it('leaves the state of its connection as it is', () => {
    expect(
      rows(
        called(0.1, 'server', 'listen', 'backlog 5'),
        kernelSawListener(0.2, 'CLOSED', 'LISTEN'),
        ...handshake,
        called(2, 'server', 'accept', 'gives socket 2'),
        called(2.1, 'server', 'close'),
        kernelSawListener(2.2, 'LISTEN', 'CLOSED'),
        called(2.3, 'server', 'close', '', 'ok', 2),
      ),
    ).toContain(`
1.90 ms                  │                                    │ accept()
2.00 ms                  │                                    │ close() listener
2.10 ms                  │                                    │ LISTEN → CLOSED
2.20 ms                  │                                    │ close()
`);
  });
});

describe('a change that no segment shows', () => {
  it('names the timer that made it', () => {
    const [local, remote] = [CONNECTION.client, CONNECTION.server];
    const waiting: SocketRow = {
      ...row('ESTABLISHED', local, remote),
      timer: 'retransmission',
      retransmits: 3,
    };
    const seen = sockets(8, 'client', null, waiting);
    expect(rows(...handshake, seen, kernelSaw(9, 'client', 'ESTABLISHED', 'CLOSED'))).toContain(`
8.00 ms           CLOSED ┊ retries exhausted                  │
`);
  });

  it('and that the RFC does not explain is marked as such', () => {
    const timeline = timelineOf(...handshake, kernelSaw(9, 'client', 'ESTABLISHED', 'LAST-ACK'));
    const text = formatLadder(timeline, { ascii: false, style: PLAIN });
    expect(text).toContain(`
8.00 ms       LAST-ACK ? │                                    │
`);
    expect(text).toContain('? not in RFC 9293');
  });

  it('and that nobody saw the reason of is not called foreign to the RFC', () => {
    const timeline = timelineOf(...handshake, kernelSaw(9, 'client', 'ESTABLISHED', 'CLOSED'));
    const text = formatLadder(timeline, { ascii: false, style: PLAIN });
    expect(text).toContain('CLOSED ?');
    expect(text).toContain('? not explained');
  });
});

describe('the held state', () => {
  it('is a heavy line while it lasts, and again when it comes back', () => {
    const rst = segment('client', 'R', 1);
    expect(
      rows(
        called(0.5, 'server', 'listen', 'backlog 5'),
        kernelSawListener(0.5, 'CLOSED', 'LISTEN'),
        claimed(1, 'server', 'LISTEN', 'CLOSED'),
        crafted(2, 'client', syn),
        ...passed(2.1, 'client', syn),
        ...passed(2.2, 'server', synAck),
        ...passed(2.3, 'client', rst),
        heldFrom(1, 3),
      ),
    ).toBe(`
      0                  ┊                                    ┊ listen(5)
                         ┊                                    │ LISTEN
 500 µs                  ┊                                    ┳ hold begins
1.60 ms                  ┊ ─ [S] SYN  seq 0 crafted ─────────▶┃
1.70 ms                  ┊◀─────── [S.] SYN-ACK  seq 0 ack 1 ─┤ SYN-RECEIVED
1.80 ms                  ├─ [R] RST  seq 1 ──────────────────▶┃ LISTEN
2.50 ms                  ┊                                    ┻ hold ends
`);
  });

  it('that was left is not said to be held to the end', () => {
    expect(
      rows(
        ...handshake,
        claimed(2, 'client', 'ESTABLISHED', 'ESTABLISHED'),
        ...passed(3, 'server', segment('server', '.', 1, 1)),
        ...passed(4, 'client', fin),
        heldFrom(2, 5),
      ),
    ).toContain(`
1.00 ms      hold begins ┳                                    │
2.00 ms                  ┃◀──────────── [.] ACK  seq 1 ack 1 ─┤
3.00 ms       FIN-WAIT-1 ├─ [F.] FIN  seq 1 ack 1 ───────────▶│ CLOSE-WAIT
4.00 ms       watch ends │                                    │
`);
  });
});

describe('other connections', () => {
  const other = (port: number): Connection => ({ ...CONNECTION, client: { ...CONNECTION.client, port } });

  it('are drawn with their ports when they are few; the states are those of the claimed one', () => {
    const timeline = timelineOf(
      called(0.5, 'client', 'bind', '192.168.2.10:41235'),
      ...passed(1, 'client', segment('client', 'S', 0, null, other(41235))),
      ...passed(2, 'client', syn),
      claimed(3, 'client', 'SYN-SENT', 'LISTEN'),
    );
    const { head, rows } = ladderParts(timeline, { ascii: false, style: PLAIN });
    expect(head.at(-1)).toBe('        and from :41235; the states are those of :41234');
    expect(rows.join('\n')).toBe(
      `      0           bind() ┊ :41235                             │
 500 µs                  ├─ :41235 [S] SYN  seq 0 ───────────▶│
1.50 ms         SYN-SENT ├─ :41234 [S] SYN  seq 0 ───────────▶│
2.50 ms      hold begins ┳                                    │`,
    );
  });

  it('take no state from the claimed one, not even with a segment that arrives at the same time', () => {
    const foreign = slow(1.95, 2.01, 'server', segment('server', '.', 1, 1, other(41235)));
    expect(
      rows(
        ...passed(1, 'client', syn),
        ...foreign,
        ...passed(2, 'server', synAck),
        claimed(3, 'client', 'ESTABLISHED'),
      ),
    ).toContain(`
 950 µs                  │◀───── :41235 [.] ACK  seq 0 ack 0 ─┤
1.00 ms      ESTABLISHED │◀───────── :41234 [S.] seq 0 ack 1 ─┤ SYN-RECEIVED
`);
  });

  it('are told together when they are many', () => {
    const ports = [1, 2, 3, 4, 5, 6];
    const knocks = ports.flatMap((port) => {
      return passed(1 + port / 100, 'client', segment('client', 'S', 0, null, other(port)));
    });
    const answers = ports.flatMap((port) => {
      const answer = segment('server', 'S.', 0, 1, other(port));
      return port === 6 ? [] : [...passed(1.001 + port / 100, 'server', answer)];
    });
    const late = passed(4, 'client', segment('client', 'S', 0, null, other(7)));
    expect(
      rows(...passed(0.5, 'client', syn), ...knocks, ...answers, claimed(3, 'client', 'SYN-SENT'), ...late),
    ).toBe(`
      0         SYN-SENT ├─ :41234 [S] SYN  seq 0 ───────────▶┊
 510 µs                  ├─ 6 others: [S] SYN ───────────────▶┊
 511 µs                  │◀────────── 5 others: [S.] SYN-ACK ─┤
2.50 ms      hold begins ┳                                    ┊
3.50 ms                  ┠─ :7 [S] SYN  seq 0 ───────────────▶┊
`);
  });
});
