import { describe, expect, it } from 'vitest';
import { called, fin, handshake, PLAIN, rows, serverFin, slow, syn } from '../../../../test/drawn.ts';
import {
  claimed,
  dropped,
  heldFrom,
  kernelSawListener,
  opened,
  passed,
  ruleSet,
  timelineOf,
} from '../../../../test/hand-built.ts';
import type { TimelineEvent } from '../../../evidence/events.ts';
import type { Style } from '../style.ts';
import { localeIsUtf8 } from './glyphs.ts';
import { formatLadder, ladderParts } from './ladder.ts';

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
 500 µs         SYN-SENT ├─ [S] SYN  seq 0 ──────────────────▶│
 600 µs      ESTABLISHED │◀─────── [S.] SYN-ACK  seq 0 ack 1 ─┤ SYN-RECEIVED
 700 µs                  ├─ [.] ACK  seq 1 ack 1 ────────────▶│ ESTABLISHED
 900 µs                  │                                    │ accept()
1.50 ms          close() │                                    │
1.51 ms       FIN-WAIT-1 ├─ [F.] FIN  seq 1 ack 1 ───────────▶│ CLOSE-WAIT
2.50 ms                  │                                    ┳ hold begins
⋮ 0.1 s                  ⋮                                    ⋮
 103 ms                  │                                    ┻ hold ends
[S] SYN   [.] ACK   [F] FIN   ┊ closed   ┃ held
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
      0         SYN-SENT ├─ [S] SYN  seq 0 ──────────────────▶┊
4.00 ms                  │ · not reached: client in CLOSING:  ┊
                         │   not seen                         ┊
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
      0         SYN-SENT ├─ [S] SYN  seq 0 ──────────────────▶┊
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
    expect(`\n${rows.join('\n')}\n`).toBe(`
      0     SYN-SENT ├─ [S] SYN  seq 0 ──────────▶│
 100 µs  ESTABLISHED │◀──────── [S.] seq 0 ack 1 ─┤ SYN-RECEIVED
 200 µs              ├─ [.] ACK  seq 1 ack 1 ────▶│ ESTABLISHED
 500 µs              │      rule 1: tcp dport 80 ▒│
                     │      drop                 ▒│
1.00 ms              │ [F.] seq 1 ack 1           │
          FIN-WAIT-1 ├───────────────────✗ rule 1 │
`);
  });

  it('leaves the numbers, and the times, to terminals that have space for them', () => {
    const timeline = timelineOf(
      ...handshake,
      ruleSet(1.5, 'server', 'tcp dport 80 drop'),
      ...passed(2, 'client', fin),
      dropped(2.01, 'server', 'in', fin),
      claimed(3, 'client', 'FIN-WAIT-1'),
      ...passed(200, 'client', fin),
      dropped(200.01, 'server', 'in', fin),
    );
    const { rows, legend } = ladderParts(timeline, { ascii: false, style: PLAIN, width: 40 });
    expect(`\n${[...rows, ...legend].join('\n')}\n`).toBe(`
    SYN-SENT ├─ [S] SYN ─▶│
 ESTABLISHED │◀──── [S.] ─┤ SYN-RECEIVED
             ├─ [.] ACK ─▶│ ESTABLISHED
             │  rule 1:  ▒│
             │  tcp      ▒│
             │  dport 80 ▒│
             │  drop     ▒│
             │ [F.]       │
  FIN-WAIT-1 ├───✗ rule 1 │
 hold begins ┳            │
⋮ 0.2 s      ⋮            ⋮
             ┃ [F.] again │
             ┠───✗ rule 1 │
[S] SYN   [.] ACK   [F] FIN   ┊ closed
┃ held   ✗ dropped
`);
  });

  it('is no more than 160 columns', () => {
    const timeline = timelineOf(
      ...handshake,
      called(2, 'server', 'setsockopt', 'SO_RCVBUF 4096'),
      ruleSet(2.5, 'server', 'tcp sport 41234 tcp dport 80 reject with icmp type port-unreachable'),
    );
    const { rows } = ladderParts(timeline, { ascii: false, style: PLAIN, width: 240 });
    expect(`\n${rows.join('\n')}\n`).toBe(`
      0                         SYN-SENT ├─ [S] SYN  seq 0 ──────────────────────────────────────────────────────────────────▶│
 100 µs                      ESTABLISHED │◀─────────────────────────────────────────────────────── [S.] SYN-ACK  seq 0 ack 1 ─┤ SYN-RECEIVED
 200 µs                                  ├─ [.] ACK  seq 1 ack 1 ────────────────────────────────────────────────────────────▶│ ESTABLISHED
1.00 ms                                  │                                                                                    │ setsockopt() SO_RCVBUF 4096
1.50 ms                                  │       rule 1: tcp sport 41234 tcp dport 80 reject with icmp type port-unreachable ▒│
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
 500 us         SYN-SENT |- [S] SYN  seq 0 ------------------>|
 600 us      ESTABLISHED |<------- [S.] SYN-ACK  seq 0 ack 1 -| SYN-RECEIVED
 700 us                  |- [.] ACK  seq 1 ack 1 ------------>| ESTABLISHED
1.00 ms                  |         rule 1: tcp dport 80 drop %|
1.50 ms                  |               .- [F.] seq 1 ack 1 -| FIN-WAIT-1
1.60 ms          close() |               |                    |
1.70 ms       FIN-WAIT-1 |- [F.] FIN ----+-----------X rule 1 |
2.00 ms          CLOSING |<--------------'                    |
3.50 ms                  | * the client's "FIN" -> nowhere... |
4.50 ms      hold begins +                                    |
~ 0.2 s                  ~                                    ~
 200 ms                  #- [F.] seq 1 ack 1 again --X rule 1 |
 205 ms        hold ends +                                    |
[S] SYN   [.] ACK   [F] FIN   : closed   # held   X dropped
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
