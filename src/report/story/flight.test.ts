import { describe, expect, it } from 'vitest';
import {
  ack,
  called,
  fin,
  handshake,
  icmp,
  rows,
  serverFin,
  slow,
  syn,
  synAck,
} from '../../../test/drawn.ts';
import { captured, crafted, dropped, passed, ruleSet, segment } from '../../../test/hand-built.ts';

describe('a dropped segment', () => {
  it('ends at the firewall of the host that it went to', () => {
    expect(
      rows(
        ...handshake,
        ...passed(2, 'client', fin),
        dropped(2.01, 'server', 'in', fin, 1),
        ...passed(2.1, 'server', serverFin),
        dropped(2.11, 'client', 'in', serverFin, 12),
      ),
    ).toBe(`
      0         SYN-SENT ├─ [S] SYN  seq 0 ──────────────────▶│
 100 µs      ESTABLISHED │◀─────── [S.] SYN-ACK  seq 0 ack 1 ─┤ SYN-RECEIVED
 200 µs                  ├─ [.] ACK  seq 1 ack 1 ────────────▶│ ESTABLISHED
1.00 ms       FIN-WAIT-1 ├─ [F.] FIN  seq 1 ack 1 ───✗ rule 1 │
1.10 ms                  │ rule 12 ✗── [F.] FIN  seq 1 ack 1 ─┤ FIN-WAIT-1
`);
  });

  it('ends on its way out of its sender', () => {
    expect(rows(dropped(1, 'client', 'out', syn, 1), dropped(2, 'server', 'out', synAck, 2))).toBe(`
      0         SYN-SENT ├─ [S] SYN  seq 0 ─✗ rule 1          ┊
1.00 ms                  │        rule 2 ✗─ [S.] seq 0 ack 1 ─┤
`);
  });

  it('that nobody dropped is lost between them', () => {
    expect(rows(captured(1, 'client', 'sent', syn), captured(2, 'server', 'sent', synAck))).toBe(`
      0         SYN-SENT ├─ [S] SYN  seq 0 ────✗ lost         ┊
1.00 ms                  │ lost ✗─ [S.] SYN-ACK  seq 0 ack 1 ─┤
`);
  });
});

describe('what no socket has sent', () => {
  it('is marked when it was crafted, and begins beside the lifeline', () => {
    const rst = segment('server', 'R', 1);
    expect(rows(...passed(1, 'client', syn), crafted(2, 'server', rst), ...passed(2.1, 'server', rst))).toBe(`
      0         SYN-SENT ├─ [S] SYN  seq 0 ──────────────────▶┊
1.10 ms                  │◀───────── [R] RST  seq 0 crafted ─ ┊
`);
  });

  it('is an RST from the firewall that stopped the segment before it', () => {
    const reset = { ...segment('server', 'R.', 0, 1), seq: 0 };
    expect(
      rows(
        ruleSet(0.5, 'server', 'tcp dport 80 reject with tcp reset', 3),
        ...passed(1, 'client', syn),
        dropped(1.01, 'server', 'in', syn, 3),
        ...passed(1.1, 'server', reset),
      ),
    ).toBe(`
      0                  ┊  rule 3: tcp dport 80 reject with ▒┊
                         ┊  tcp reset                        ▒┊
 500 µs         SYN-SENT ├─ [S] SYN  seq 0 ──────────✗ rule 3 ┊
 600 µs           CLOSED ┊◀─── [R.] RST  seq 0 ack 1 ─ rule 3 ┊
`);
  });

  it('is an ICMP error', () => {
    expect(
      rows(
        ...passed(1, 'client', syn),
        icmp(1.1, 'server', 'sent', 'port unreachable'),
        icmp(1.11, 'client', 'received', 'port unreachable'),
      ),
    ).toBe(`
      0         SYN-SENT ├─ [S] SYN  seq 0 ──────────────────▶┊
 100 µs           CLOSED ┊◀╌╌╌╌╌╌╌╌╌╌ ICMP port unreachable ╌ ┊
`);
  });
});

describe('a segment', () => {
  it('that refuses from where there is no connection has the number 0', () => {
    const reset = { ...segment('client', 'R.', 0, 1), seq: 0 };
    const knock = { ...segment('server', 'S', 0), seq: 3_000_000_000 };
    const refusal = { ...reset, ack: 3_000_000_001 };
    expect(
      rows(...passed(1, 'client', syn), ...passed(2, 'server', knock), ...passed(3, 'client', refusal)),
    ).toContain(`
2.00 ms         CLOSED ? ├─ [R.] RST  seq 0 ack 1 ───────────▶┊ CLOSED
`);
  });

  it('that is sent again is marked, a bare ACK or a first SYN-ACK is not', () => {
    const simultaneous = segment('client', 'S.', 0, 1);
    const data = { ...segment('client', 'P.', 1, 1), payload: Buffer.from('ping') };
    expect(
      rows(
        ...passed(1, 'client', syn),
        ...passed(2, 'client', syn),
        ...passed(2.5, 'server', segment('server', 'S', 0)),
        ...passed(3, 'client', simultaneous),
        ...passed(4, 'client', data),
        ...passed(5, 'client', ack),
        ...passed(6, 'client', data),
      ),
    ).toBe(`
      0         SYN-SENT ├─ [S] SYN  seq 0 ──────────────────▶┊
1.00 ms                  ├─ [S] SYN  seq 0 again ────────────▶┊
1.50 ms                  │◀────────────────── [S] SYN  seq 0 ─┤ SYN-SENT
2.00 ms     SYN-RECEIVED ├─ [S.] SYN-ACK  seq 0 ack 1 ───────▶│ ESTABLISHED
3.00 ms                  ├─ [P.] PSH  seq 1 ack 1 length 4 ──▶│
4.00 ms                  ├─ [.] ACK  seq 1 ack 1 ────────────▶│
5.00 ms                  ├─ [P.] seq 1 ack 1 length 4 again ─▶│
`);
  });

  it('says that its window is shut, and that it probes such a window', () => {
    const data = { ...segment('client', 'P.', 1, 1), payload: Buffer.from('ping') };
    const shut = { ...segment('server', '.', 1, 5), window: 0 };
    expect(
      rows(
        ...handshake,
        ...passed(2, 'client', data),
        ...passed(2.1, 'server', shut),
        ...passed(3, 'client', segment('client', '.', 4, 1)),
      ),
    ).toContain(`
1.00 ms                  ├─ [P.] PSH  seq 1 ack 1 length 4 ──▶│
1.10 ms                  │◀────── [.] ACK  seq 1 ack 5 win 0 ─┤
2.00 ms                  ├─ [.] ACK  seq 4 ack 1 probe ──────▶│
`);
  });

  it('whose numbers leave no room in the arrow has them above it', () => {
    const data = { ...segment('server', 'P.', 1_000_000, 1), payload: Buffer.alloc(1448), window: 0 };
    expect(rows(...handshake, ...passed(2, 'server', data))).toContain(`
1.00 ms                  │ [P.] seq 1000000 ack 1 length 1448 │
                         │                              win 0 │
                         │◀───────────────────────────────────┤
`);
  });

  it('that begins another connection on the same ports counts from its own number', () => {
    const later = { ...syn, seq: (syn.seq + 5_000_000) >>> 0 };
    expect(rows(...passed(1, 'client', syn), ...passed(9, 'client', later))).toContain(`
8.00 ms         CLOSED ? ┊                                    ┊
                SYN-SENT ├─ [S] SYN  seq 0 ──────────────────▶┊
`);
  });

  it('that crosses another is drawn under way', () => {
    expect(
      rows(...handshake, ...slow(2, 2.5, 'client', fin), ...slow(2.2, 2.8, 'server', serverFin)),
    ).toContain(`
1.00 ms       FIN-WAIT-1 ├─ [F.] seq 1 ack 1 ─╮               │
1.20 ms                  │                    │  ╭─ [F.] FIN ─┤ FIN-WAIT-1
1.50 ms                  │                    ╰──┼───────────▶│ CLOSING
1.80 ms          CLOSING │◀──────────────────────╯            │
`);
  });

  it('is under way while the other host makes a call, and over a pause', () => {
    expect(
      rows(
        ...handshake,
        ...slow(2, 52, 'client', fin),
        called(2.3, 'server', 'close'),
        ruleSet(2.4, 'client', 'tcp sport 80 drop'),
      ),
    ).toContain(`
1.00 ms       FIN-WAIT-1 ├─ [F.] seq 1 ack 1 ─╮               │
1.30 ms                  │                    │               │ close()
1.40 ms                  │▒ rule 1: tcp sport 80 drop         │
⋮ 50 ms                  ⋮                    ⋮               ⋮
51.0 ms                  │                    ╰──────────────▶│ CLOSE-WAIT
`);
  });

  it('that takes two arcs shows both states', () => {
    const finAtOnce = segment('client', 'F.', 1, 1);
    expect(
      rows(
        ...passed(1, 'client', syn),
        ...passed(1.1, 'server', synAck),
        ...passed(1.2, 'client', finAtOnce),
      ),
    ).toContain(`
 200 µs       FIN-WAIT-1 ├─ [F.] FIN  seq 1 ack 1 ───────────▶│ ESTABLISHED
                         │                                    │ CLOSE-WAIT
`);
  });
});
