import { describe, expect, it } from 'vitest';
import {
  CONNECTION,
  captured,
  claimed,
  crafted,
  dropped,
  heldFrom,
  kernelSaw,
  kernelSawListener,
  listenerRow,
  opened,
  passed,
  row,
  ruleSet,
  segment,
  sockets,
  timelineOf,
} from '../../../test/hand-built.ts';
import type { Connection } from '../../evidence/connection.ts';
import type { Called, Captured, HostName, TimelineEvent } from '../../evidence/events.ts';
import type { SocketRow } from '../../tcp/socket-row.ts';
import type { Style } from '../style.ts';
import { LadderFeed } from './feed.ts';
import { localeIsUtf8 } from './glyphs.ts';
import { formatLadder, ladderParts } from './ladder.ts';
import { formatPause, formatTime } from './time.ts';

const same = (text: string) => text;
const PLAIN: Style = { bold: same, dim: same, good: same, bad: same, unsure: same };

const syn = segment('client', 'S', 0);
const synAck = segment('server', 'S.', 0, 1);
const ack = segment('client', '.', 1, 1);
const fin = segment('client', 'F.', 1, 1);
const serverFin = segment('server', 'F.', 1, 1);

const handshake = [
  ...passed(1, 'client', syn),
  ...passed(1.1, 'server', synAck),
  ...passed(1.2, 'client', ack),
];

function called(atMs: number, host: HostName, call: string, detail = '', result = 'ok', socket = 1): Called {
  return { type: 'call', atMs, host, call, socket, detail, result, tookMs: 0.01 };
}

/** What it costs to arrive is more than `passed` has it. */
function slow(atMs: number, arrivesMs: number, from: HostName, of: typeof syn): TimelineEvent[] {
  return [
    captured(atMs, from, 'sent', of),
    captured(arrivesMs, from === 'client' ? 'server' : 'client', 'received', of),
  ];
}

function icmp(atMs: number, host: HostName, direction: 'sent' | 'received', meaning: string): Captured {
  const quoted = { source: CONNECTION.client, destination: CONNECTION.server, seq: syn.seq };
  const error = { source: '192.168.2.11', destination: '192.168.2.10', type: 3, code: 3, meaning, quoted };
  return { type: 'captured', atMs, host, direction, wire: { kind: 'icmp', error }, bytes: meaning };
}

/** Only the rows, as they are on a terminal. */
function rows(...events: TimelineEvent[]): string {
  const { rows } = ladderParts(timelineOf(...events), { ascii: false, style: PLAIN });
  return `\n${rows.map(({ text }) => text).join('\n')}\n`;
}

describe('a ladder', () => {
  it('has both hosts, their calls and states, and the segments between them', () => {
    const timeline = timelineOf(
      opened(),
      called(0.5, 'server', 'bind', '192.168.2.11:80'),
      called(0.6, 'server', 'listen', 'backlog 5'),
      kernelSawListener(0.605, 'CLOSED', 'LISTEN'),
      called(0.9, 'client', 'connect', '192.168.2.11:80', 'EINPROGRESS'),
      ...handshake,
      called(1.4, 'server', 'accept', 'gives socket 2'),
      called(2, 'client', 'close'),
      ...passed(2.01, 'client', fin),
      claimed(3, 'server', 'CLOSE-WAIT', 'FIN-WAIT-1'),
      heldFrom(3, 103),
    );
    expect(`\n${formatLadder(timeline, { ascii: false, style: PLAIN })}`).toBe(`
by-hand
                      client                               server
                192.168.2.10:41234                     192.168.2.11:80
      0                  ┊                                    ┊ bind() listen(5)
 105 µs                  ┊                                    │ LISTEN
 400 µs        connect() ┊                                    │
 500 µs         SYN-SENT ├─ S seq 0 ─────────────────────────▶│
 600 µs      ESTABLISHED │◀────────────────── S. seq 0 ack 1 ─┤ SYN-RECEIVED
 700 µs                  ├─ . seq 1 ack 1 ───────────────────▶│ ESTABLISHED
 900 µs                  │                                    │ accept()
1.50 ms          close() │                                    │
1.51 ms       FIN-WAIT-1 ├─ F. seq 1 ack 1 ──────────────────▶│ CLOSE-WAIT
2.50 ms                  │                                    ┳ held from here
⋮ 0.1 s                  ⋮                                    ⋮
 103 ms                  │                                    ┻ held to here
S SYN   . ACK   F FIN   ┊ closed   ┃ held
`);
  });

  it('is the same for the same timeline, and for one that was saved and read again', () => {
    const events = [opened(), ...handshake, ...passed(2, 'client', fin), claimed(3, 'client', 'FIN-WAIT-1')];
    const first = formatLadder(timelineOf(...events), { ascii: false, style: PLAIN });
    const saved = JSON.parse(JSON.stringify([...timelineOf(...events)])) as TimelineEvent[];
    expect(formatLadder(timelineOf(...saved), { ascii: false, style: PLAIN })).toBe(first);
    expect(formatLadder(timelineOf(...events), { ascii: false, style: PLAIN })).toBe(first);
  });

  it('says the same without colours', () => {
    const events = [...handshake, dropped(2, 'client', 'out', fin), dropped(2.3, 'client', 'out', fin)];
    const mark = (text: string) => `\x1b[1m${text}\x1b[22m`;
    const coloured: Style = { bold: mark, dim: mark, good: mark, bad: mark, unsure: mark };
    const text = formatLadder(timelineOf(...events), { ascii: false, style: coloured });
    expect(text).toContain('\x1b[1m✗ rule 1\x1b[22m'.replace('✗ rule', '✗\x1b[22m \x1b[1mrule'));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the codes of the style above
    const bare = text.replace(/\x1b\[\d+m/g, '');
    expect(bare).toBe(formatLadder(timelineOf(...events), { ascii: false, style: PLAIN }));
  });

  it('of a timeline on which nothing happened is only its head', () => {
    const { head, rows } = ladderParts(timelineOf(opened()), { ascii: false, style: PLAIN });
    expect(head).toEqual(['                      client                               server']);
    expect(rows).toEqual([]);
  });

  it('tells that its state was not reached', () => {
    const held = { host: 'client', state: 'CLOSING' } as const;
    const gaveUp = {
      type: 'gave-up',
      atMs: 5,
      scenario: 'closing',
      held,
      why: 'client in CLOSING: not seen',
    } as const;
    expect(rows(...passed(1, 'client', syn), gaveUp)).toBe(`
      0         SYN-SENT ├─ S seq 0 ─────────────────────────▶┊
4.00 ms                  │ · not reached: client in CLOSING:  ┊
                         │   not seen                         ┊
`);
  });
});

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
      0         SYN-SENT ├─ S seq 0 ─────────────────────────▶│
 100 µs      ESTABLISHED │◀────────────────── S. seq 0 ack 1 ─┤ SYN-RECEIVED
 200 µs                  ├─ . seq 1 ack 1 ───────────────────▶│ ESTABLISHED
1.00 ms       FIN-WAIT-1 ├─ F. seq 1 ack 1 ──────────✗ rule 1 │
1.10 ms                  │ rule 12 ✗───────── F. seq 1 ack 1 ─┤ FIN-WAIT-1
`);
  });

  it('ends on its way out of its sender', () => {
    expect(rows(dropped(1, 'client', 'out', syn, 1), dropped(2, 'server', 'out', synAck, 2))).toBe(`
      0         SYN-SENT ├─ S seq 0 ─✗ rule 1                 ┊
1.00 ms                  │          rule 2 ✗─ S. seq 0 ack 1 ─┤
`);
  });

  it('that nobody dropped is lost between them', () => {
    expect(rows(captured(1, 'client', 'sent', syn), captured(2, 'server', 'sent', synAck))).toBe(`
      0         SYN-SENT ├─ S seq 0 ───────────✗ lost         ┊
1.00 ms                  │         lost ✗──── S. seq 0 ack 1 ─┤
`);
  });
});

describe('what no socket has sent', () => {
  it('is marked when it was crafted, and begins beside the lifeline', () => {
    const rst = segment('server', 'R', 1);
    expect(rows(...passed(1, 'client', syn), crafted(2, 'server', rst), ...passed(2.1, 'server', rst))).toBe(`
      0         SYN-SENT ├─ S seq 0 ─────────────────────────▶┊
1.10 ms                  │◀──────────────── R seq 0 crafted ─ ┊
`);
  });

  it('is an RST from the firewall that stopped the segment before it', () => {
    const reset = segment('server', 'R.', 0, 1);
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
 500 µs         SYN-SENT ├─ S seq 0 ─────────────────✗ rule 3 ┊
 600 µs           CLOSED ┊◀────────── R. seq 0 ack 1 ─ rule 3 ┊
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
      0         SYN-SENT ├─ S seq 0 ─────────────────────────▶┊
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
2.00 ms         CLOSED ? ├─ R. seq 0 ack 1 ──────────────────▶┊ CLOSED
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
      0         SYN-SENT ├─ S seq 0 ─────────────────────────▶┊
1.00 ms                  ├─ S seq 0 again ───────────────────▶┊
1.50 ms                  │◀───────────────────────── S seq 0 ─┤ SYN-SENT
2.00 ms     SYN-RECEIVED ├─ S. seq 0 ack 1 ──────────────────▶│ ESTABLISHED
3.00 ms                  ├─ P. seq 1 ack 1 length 4 ─────────▶│
4.00 ms                  ├─ . seq 1 ack 1 ───────────────────▶│
5.00 ms                  ├─ P. seq 1 ack 1 length 4 again ───▶│
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
1.00 ms                  ├─ P. seq 1 ack 1 length 4 ─────────▶│
1.10 ms                  │◀───────────── . seq 1 ack 5 win 0 ─┤
2.00 ms                  ├─ . seq 4 ack 1 probe ─────────────▶│
`);
  });

  it('whose numbers leave no room in the arrow has them above it', () => {
    const data = { ...segment('server', 'P.', 1_000_000, 1), payload: Buffer.alloc(1448), window: 0 };
    expect(rows(...handshake, ...passed(2, 'server', data))).toContain(`
1.00 ms                  │   P. seq 1000000 ack 1 length 1448 │
                         │                              win 0 │
                         │◀───────────────────────────────────┤
`);
  });

  it('that begins another connection on the same ports counts from its own number', () => {
    const later = { ...syn, seq: (syn.seq + 5_000_000) >>> 0 };
    expect(rows(...passed(1, 'client', syn), ...passed(9, 'client', later))).toContain(`
8.00 ms                  ├─ S seq 0 ─────────────────────────▶┊
`);
  });

  it('that crosses another is drawn under way', () => {
    expect(
      rows(...handshake, ...slow(2, 2.5, 'client', fin), ...slow(2.2, 2.8, 'server', serverFin)),
    ).toContain(`
1.00 ms       FIN-WAIT-1 ├─ F. seq 1 ack 1 ─╮                 │
1.20 ms                  │                ╭─┼ F. seq 1 ack 1 ─┤ FIN-WAIT-1
1.50 ms                  │                │ ╰────────────────▶│ CLOSING
1.80 ms          CLOSING │◀───────────────╯                   │
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
1.00 ms       FIN-WAIT-1 ├─ F. seq 1 ack 1 ─╮                 │
1.30 ms                  │                  │                 │ close()
1.40 ms                  │▒ rule 1: tcp sport 80 drop         │
⋮ 50 ms                  ⋮                  ⋮                 ⋮
51.0 ms                  │                  ╰────────────────▶│ CLOSE-WAIT
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
 200 µs       FIN-WAIT-1 ├─ F. seq 1 ack 1 ──────────────────▶│ ESTABLISHED
                         │                                    │ CLOSE-WAIT
`);
  });
});

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
3.00 ms                  │ · 1 SYN met a full accept queue at ┊
                         │   the server                       ┊
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
      0         SYN-SENT ├─ S seq 0 ─────────────────────────▶┊
1.00 ms                  │▒ rule 1: tcp sport 80 drop         ┊
2.00 ms                  │    rule 2: tcp sport 41234 tcp    ▒┊
                         │    dport 80 reject with icmp type ▒┊
                         │    port-unreachable               ▒┊
3.00 ms                  │▒ rule 1 lifted                     ┊
4.00 ms                  │                     rule 2 lifted ▒┊
`);
  });
});

describe('calls', () => {
  it('stand at their host with what they gave', () => {
    expect(
      rows(
        called(1, 'server', 'setsockopt', 'SO_RCVBUF 4096'),
        called(2, 'client', 'send', '16384 octets', '15016'),
        called(3, 'client', 'shutdown', 'SHUT_WR'),
        called(4, 'server', 'connect', '192.168.2.10:1', 'EISCONN'),
        called(5, 'client', 'close', 'after SO_LINGER 0'),
      ),
    ).toBe(`
      0                  ┊                                    ┊ setsockopt()
                         ┊                                    ┊ SO_RCVBUF 4096
1.00 ms      send(16384) ┊                                    ┊
                 = 15016 ┊                                    ┊
2.00 ms     shutdown(WR) ┊                                    ┊
3.00 ms                  ┊                                    ┊ connect()
                         ┊                                    ┊ = EISCONN
4.00 ms          close() ┊                                    ┊
             SO_LINGER 0 ┊                                    ┊
`);
  });

  it('that follow each other are joined: the same again as a number', () => {
    const again = (atMs: number) => called(atMs, 'client', 'send', '9 octets', '0');
    expect(
      rows(called(1, 'client', 'bind'), called(1.1, 'client', 'connect'), again(2), again(3), again(4)),
    ).toBe(`
      0 bind() connect() ┊                                    ┊
1.00 ms   send(9) = 0 ×3 ┊                                    ┊
`);
  });

  it('of two sockets are not joined', () => {
    expect(rows(called(1, 'client', 'bind'), called(1.1, 'client', 'close', '', 'ok', 2))).toBe(`
      0           bind() ┊                                    ┊
 100 µs          close() ┊                                    ┊
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
 500 µs                  ┊                                    ┳ held from here
1.60 ms                  ┊ ─ S seq 0 crafted ────────────────▶┃
1.70 ms                  ┊◀────────────────── S. seq 0 ack 1 ─┤ SYN-RECEIVED
1.80 ms                  ├─ R seq 1 ─────────────────────────▶┃ LISTEN
2.50 ms                  ┊                                    ┻ held to here
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
1.00 ms   held from here ┳                                    │
2.00 ms                  ┃◀─────────────────── . seq 1 ack 1 ─┤
3.00 ms       FIN-WAIT-1 ├─ F. seq 1 ack 1 ──────────────────▶│ CLOSE-WAIT
4.00 ms  watched to here │                                    │
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
    expect(rows.map(({ text }) => text).join('\n')).toBe(
      `      0           bind() ┊ :41235                             │
 500 µs                  ├─ :41235 S seq 0 ──────────────────▶│
1.50 ms         SYN-SENT ├─ :41234 S seq 0 ──────────────────▶│
2.50 ms   held from here ┳                                    │`,
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
 950 µs                  │◀──────────── :41235 . seq 0 ack 0 ─┤
1.00 ms      ESTABLISHED │◀─────────── :41234 S. seq 0 ack 1 ─┤ SYN-RECEIVED
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
      0         SYN-SENT ├─ :41234 S seq 0 ──────────────────▶┊
 510 µs                  ├─ 6 others: S ─────────────────────▶┊
 511 µs                  │◀──────────────────── 5 others: S. ─┤
2.50 ms   held from here ┳                                    ┊
3.50 ms                  ┠─ :7 S seq 0 ──────────────────────▶┊
`);
  });
});

describe('the width', () => {
  const wide = {
    type: 'noted',
    atMs: 2,
    text: '接続は拒否されました ではありません 接続は拒否されました',
  } as const;
  const long = { type: 'noted', atMs: 3, text: `a-word-of-${'many-'.repeat(20)}parts` } as const;

  it('is kept by characters of two columns and by endless words', () => {
    expect(rows(...passed(1, 'client', syn), wide, long)).toBe(`
      0         SYN-SENT ├─ S seq 0 ─────────────────────────▶┊
1.00 ms                  │ · 接続は拒否されました             ┊
                         │   ではありません                   ┊
                         │   接続は拒否されました             ┊
2.00 ms                  │ · a-word-of-many-many-many-many-ma ┊
                         │   ny-many-many-many-many-many-many ┊
                         │   -many-many-many-many-many-many-m ┊
                         │   any-many-many-parts              ┊
`);
  });

  it('is that of a narrower terminal', () => {
    const timeline = timelineOf(
      ...handshake,
      ruleSet(1.5, 'server', 'tcp dport 80 drop'),
      ...passed(2, 'client', fin),
      dropped(2.01, 'server', 'in', fin),
    );
    const { rows } = ladderParts(timeline, { ascii: false, style: PLAIN, width: 64 });
    expect(`\n${rows.map(({ text }) => text).join('\n')}\n`).toBe(`
      0         SYN-SENT ├─ S seq 0 ─────────▶│
 100 µs      ESTABLISHED │◀── S. seq 0 ack 1 ─┤ SYN-RECEIVED
 200 µs                  ├─ . seq 1 ack 1 ───▶│ ESTABLISHED
 500 µs                  │     rule 1: tcp   ▒│
                         │     dport 80 drop ▒│
1.00 ms                  │ F. seq 1 ack 1     │
              FIN-WAIT-1 ├───────────✗ rule 1 │
`);
  });

  it('leaves no room for long endpoints side by side', () => {
    const address = '2001:db8:1111:2222:3333:4444:5555:6666';
    const timeline = timelineOf({
      ...claimed(1, 'client', 'SYN-SENT'),
      connection: { client: { address, port: 41234 }, server: { address, port: 80 } },
    });
    const { head } = ladderParts(timeline, { ascii: false, style: PLAIN });
    expect(head).toEqual([
      '                      client                               server',
      '  [2001:db8:1111:2222:3333:4444:5555:6666]:41234',
      '                                     [2001:db8:1111:2222:3333:4444:5555:6666]:80',
    ]);
  });
});

describe('in ASCII', () => {
  it('it is the same with other signs', () => {
    const timeline = timelineOf(
      called(0.5, 'server', 'listen', 'backlog 5'),
      ...handshake,
      ruleSet(1.5, 'server', 'tcp dport 80 drop'),
      ...slow(2, 2.5, 'server', serverFin),
      called(2.1, 'client', 'close'),
      ...passed(2.2, 'client', fin),
      dropped(2.21, 'server', 'in', fin),
      { type: 'noted', atMs: 4, text: 'the client’s “FIN” → nowhere…' },
      claimed(5, 'client', 'CLOSING'),
      ...passed(200, 'client', fin),
      dropped(200.01, 'server', 'in', fin),
      heldFrom(5, 205),
    );
    const text = formatLadder(timeline, { ascii: true, style: PLAIN });
    expect(`\n${text}`).toBe(`
by-hand
                      client                               server
                192.168.2.10:41234                     192.168.2.11:80
      0                  :                                    | listen(5)
 500 us         SYN-SENT |- S seq 0 ------------------------->|
 600 us      ESTABLISHED |<------------------ S. seq 0 ack 1 -| SYN-RECEIVED
 700 us                  |- . seq 1 ack 1 ------------------->| ESTABLISHED
1.00 ms                  |         rule 1: tcp dport 80 drop %|
1.50 ms                  |                 .- F. seq 1 ack 1 -| FIN-WAIT-1
1.60 ms          close() |                 |                  |
1.70 ms       FIN-WAIT-1 |- F. seq 1 ack 1 +---------X rule 1 |
2.00 ms          CLOSING |<----------------'                  |
3.50 ms                  | * the client's "FIN" -> nowhere... |
4.50 ms   held from here +                                    |
~ 0.2 s                  ~                                    ~
 200 ms                  #- F. seq 1 ack 1 again ----X rule 1 |
 205 ms     held to here +                                    |
S SYN   . ACK   F FIN   : closed   # held   X dropped
`);
  });

  it('is what a locale that can’t do more gets', () => {
    expect(localeIsUtf8({ LANG: 'en_GB.UTF-8' })).toBe(true);
    expect(localeIsUtf8({ LANG: 'C.utf8' })).toBe(true);
    expect(localeIsUtf8({ LANG: 'en_GB.UTF-8', LC_CTYPE: 'C' })).toBe(false);
    expect(localeIsUtf8({ LANG: 'C', LC_CTYPE: '', LC_ALL: 'de_DE.UTF-8' })).toBe(true);
    expect(localeIsUtf8({ LANG: 'de_DE.ISO-8859-1' })).toBe(false);
    expect(localeIsUtf8({})).toBe(false);
  });
});

describe('a ladder that grows', () => {
  it('gives each row once, and none before it is final', () => {
    const feed = new LadderFeed({ ascii: false, style: PLAIN });
    const timeline = timelineOf(...handshake);
    expect(feed.next(timeline, 1.1)).toHaveLength(2 + 2);
    expect(feed.next(timeline, 1.1)).toEqual([]);
    timeline.add(claimed(3, 'client', 'ESTABLISHED', 'ESTABLISHED'));
    expect(feed.next(timeline, 3)).toEqual([
      ' 200 µs                  ├─ . seq 1 ack 1 ───────────────────▶│ ESTABLISHED',
      '2.00 ms   held from here ┳                                    │',
    ]);
    // Sent, and not yet seen to arrive: it may still.
    for (const event of passed(4, 'client', fin)) timeline.add(event);
    expect(feed.next(timeline, 3.9)).toEqual([]);
    expect(feed.end(timeline)).toEqual([
      '3.00 ms       FIN-WAIT-1 ├─ F. seq 1 ack 1 ──────────────────▶│ CLOSE-WAIT',
      'S SYN   . ACK   F FIN   ┊ closed   ┃ held',
    ]);
  });

  it('is in the end the whole ladder', () => {
    const events = [
      ...handshake,
      claimed(2, 'client', 'FIN-WAIT-1'),
      ...passed(30, 'client', fin),
      heldFrom(2, 90),
    ];
    const [feed, timeline] = [new LadderFeed({ ascii: false, style: PLAIN }), timelineOf()];
    const lines = events.flatMap((event) => {
      timeline.add(event);
      return feed.next(timeline, event.atMs - 0.02);
    });
    lines.push(...feed.end(timeline));
    expect(`by-hand\n${lines.join('\n')}\n`).toBe(formatLadder(timeline, { ascii: false, style: PLAIN }));
  });

  it('tells late what became known late', () => {
    const feed = new LadderFeed({ ascii: false, style: PLAIN });
    const timeline = timelineOf(...passed(1, 'client', syn), ...passed(3, 'client', syn));
    feed.next(timeline, 3);
    for (const event of passed(2, 'client', syn)) timeline.add(event);
    expect(feed.next(timeline, 3)).toEqual([
      '1.00 ms                  ├─ S seq 0 again ───────────────────▶┊',
    ]);
  });
});

describe('times', () => {
  it('have three digits and seven columns', () => {
    const told = [0, 0.0004, 0.082, 0.9994, 0.9996, 9.994, 9.996, 99.96, 999.4, 999.6, 12_340, 134_000, 1e7];
    expect(told.map(formatTime)).toEqual([
      '0',
      '0 µs',
      '82 µs',
      '999 µs',
      '1.00 ms',
      '9.99 ms',
      '10.0 ms',
      '100 ms',
      '999 ms',
      '1.00 s',
      '12.3 s',
      '134 s',
      '167 min',
    ]);
  });

  it('of pauses are rough', () => {
    expect([20, 94, 204, 1030, 12_300, 134_000].map(formatPause)).toEqual([
      '20 ms',
      '94 ms',
      '0.2 s',
      '1.0 s',
      '12 s',
      '2 min 14 s',
    ]);
  });
});
