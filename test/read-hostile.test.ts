import { describe, expect, it } from 'vitest';
import type { ConnectionResult, GivenPlace, ReadResult } from '../src/captures/result.ts';
import { encodePacket } from '../src/tcp/encode.ts';
import { readBytes } from './captured.ts';
import { pcapFile } from './hand-built-capture.ts';

/** Captures in which something is missing, doubled, forged or out of order: what `read` must not conclude from them. */

const [A, B] = [
  { address: '10.20.0.10', port: 40_000 },
  { address: '10.20.0.20', port: 8080 },
];
const [SEQ_A, SEQ_B] = [0xffff_ff00, 0x7000_0000];

interface Sent {
  from: 'a' | 'b';
  flags: string;
  /** From the initial number on; null leaves out the ACK. */
  seq: number;
  ack: number | null;
  length?: number;
  atMs?: number;
  hops?: number;
  id?: number;
}

let number = 0;
function packet({ from, flags, seq, ack, length = 0, hops = 64, id }: Sent): Buffer {
  const [own, other] = from === 'a' ? [SEQ_A, SEQ_B] : [SEQ_B, SEQ_A];
  const bytes = encodePacket({
    source: from === 'a' ? A : B,
    destination: from === 'a' ? B : A,
    seq: (own + seq) >>> 0,
    ack: ack === null ? null : (other + ack) >>> 0,
    flags,
    window: 60_000,
    payload: Buffer.alloc(length),
  });
  bytes.writeUInt8(hops, 8);
  bytes.writeUInt16BE(id ?? (number++ % 65_000) + 1, 4);
  return bytes;
}

const a = (flags: string, seq: number, ack: number | null, more: Partial<Sent> = {}): Sent => ({
  from: 'a',
  flags,
  seq,
  ack,
  ...more,
});
const b = (flags: string, seq: number, ack: number | null, more: Partial<Sent> = {}): Sent => ({
  ...a(flags, seq, ack, more),
  from: 'b',
});
const HANDSHAKE: readonly Sent[] = [a('S', 0, null), b('S.', 0, 1), a('.', 1, 1)];
const EXCHANGE: readonly Sent[] = [
  ...HANDSHAKE,
  a('P.', 1, 1, { length: 100 }),
  b('P.', 1, 101, { length: 200 }),
  a('.', 101, 201),
];

async function read(sent: readonly Sent[], at?: GivenPlace, extra: Buffer[] = []): Promise<ReadResult> {
  const frames = sent.map((one, index) => ({ atMs: one.atMs ?? index * 10, bytes: packet(one) }));
  const others = extra.map((bytes, index) => ({ atMs: (sent.length + index) * 10, bytes }));
  return readBytes(pcapFile([...frames, ...others]), at);
}

async function only(sent: readonly Sent[], at?: GivenPlace): Promise<ConnectionResult> {
  const { connections } = await read(sent, at);
  expect(connections).toHaveLength(1);
  return connections[0] as ConnectionResult;
}

describe('a reset', () => {
  it('closes the end that sent it', async () => {
    const { ends, resetBy } = await only([...EXCHANGE, b('R.', 201, 101)]);
    expect(ends.b.states).toEqual(['CLOSED']);
    expect(resetBy).toBe('b');
  });

  it('that passed another number of routers may be forged: its end may be as before', async () => {
    const { ends, cannotKnow } = await only([...EXCHANGE, b('R.', 201, 101, { hops: 57 })]);
    expect(ends.b.states).toEqual(expect.arrayContaining(['CLOSED', 'ESTABLISHED']));
    expect(cannotKnow.join()).toContain('whether b sent the RST');
  });

  it('with a number that its end has never reached is not its own', async () => {
    const { ends } = await only([...EXCHANGE, b('R', 5_000_000, null)]);
    expect(ends.b.states).toContain('ESTABLISHED');
    expect(ends.a.states).toContain('ESTABLISHED');
  });
});

describe('segments that were captured twice', () => {
  it('on one interface, without an IP identification, count once', async () => {
    const all = [...EXCHANGE, a('F.', 101, 201), b('.', 201, 102)];
    const doubled = all.flatMap((one, index) => [
      { ...one, id: 0, atMs: index * 10 },
      { ...one, id: 0, atMs: index * 10 + 0.02 },
    ]);
    const result = await read(doubled);
    const [connection] = result.connections;
    expect(result.file.copies).toBe(all.length);
    expect(connection?.ends.a.retransmissions).toBe(0);
    expect(connection?.ends.a.states[0]).toBe('FIN-WAIT-2');
  });

  it('are retransmissions if a timer was between', async () => {
    const all = [
      ...EXCHANGE,
      a('F.', 101, 201, { id: 0, atMs: 100 }),
      a('F.', 101, 201, { id: 0, atMs: 300 }),
    ];
    expect((await only(all)).ends.a.retransmissions).toBe(1);
  });
});

describe('a SYN on the ports of an open connection', () => {
  const again = { ...a('S', 3_000_000, null), atMs: 500 };

  it('may be forged or late, so the connection may be open', async () => {
    const { connections } = await read([...EXCHANGE, again]);
    expect(connections[0]?.ends.a.states).toEqual(expect.arrayContaining(['CLOSED', 'ESTABLISHED']));
    expect(connections[0]?.ends.b.states).toContain('ESTABLISHED');
  });

  it('that gets a challenge ACK leaves the peer as it was', async () => {
    const { connections } = await read([...EXCHANGE, again, { ...b('.', 201, 101), atMs: 501 }]);
    expect(connections[0]?.ends.b.states).toContain('ESTABLISHED');
    expect(connections[1]?.ends.b.states ?? []).not.toEqual(['ESTABLISHED']);
  });

  it('that gets a SYN-ACK ends it', async () => {
    const { connections } = await read([...EXCHANGE, again, { ...b('S.', 9_000_000, 3_000_001), atMs: 501 }]);
    expect(connections[0]?.ends.a.states).toEqual(['CLOSED']);
    expect(connections[0]?.ends.b.states).toEqual(['CLOSED']);
  });
});

describe('one direction only', () => {
  it('does not mean that the other end never answered', async () => {
    const all = [...EXCHANGE, a('F.', 101, 201), a('.', 102, 202)].filter(({ from }) => from === 'a');
    const { owed, ends, opener } = await only(all);
    expect(opener).toBe('a');
    expect(owed).toEqual([]);
    expect(ends.b.states).not.toEqual(['CLOSED']);
    expect(ends.a.states).not.toEqual(['SYN-SENT']);
  });
});

describe('a SYN-ACK without its SYN', () => {
  it('shows who opened, and not whether it arrived', async () => {
    const { opener, ends } = await only([a('S.', 0, 1)]);
    expect(opener).toBe('a');
    expect(ends.a.states).toEqual(expect.arrayContaining(['SYN-SENT', 'ESTABLISHED']));
    expect(ends.b.states).toContain('SYN-RECEIVED');
  });
});

describe('packets out of order', () => {
  it('do not change who closed first: the ACK of a FIN shows which was there before', async () => {
    const all = [...EXCHANGE, b('F.', 201, 102), a('F.', 101, 201), a('.', 102, 202)];
    expect((await only(all)).closedFirst).toBe('a');
  });
});

describe('where a capture was', () => {
  const midstream = [b('P.', 1, 1, { length: 10 }), a('.', 1, 11)];

  it('follows from --at client only if the capture has the handshake', async () => {
    const guessed = await only(midstream);
    const told = await only(midstream, 'client');
    expect(told.ends).toEqual(guessed.ends);
    expect(told.cannotKnow.join()).toContain('which end is the client');
  });

  it('follows from an address', async () => {
    const told = await only(EXCHANGE, { addresses: [B.address] });
    expect(told.ends.b.states).toEqual(['ESTABLISHED']);
    expect(told.ends.a.states.length).toBeGreaterThan(1);
    const other = await only(EXCHANGE, { addresses: ['192.0.2.1'] });
    expect(other.ends.b.states.length).toBeGreaterThan(1);
  });

  it('is of no use if the capture cut TCP’s header off', async () => {
    const cut = packet(a('F.', 101, 201)).subarray(0, 30);
    const whole = (await read(EXCHANGE, 'client')).connections[0];
    expect(whole?.ends.a.states).toEqual(['ESTABLISHED']);
    const { connections, file } = await read(EXCHANGE, 'client', [cut]);
    expect(connections[0]?.ends.a.states).toContain('FIN-WAIT-1');
    expect(file.notes.join()).toContain('1 TCP packet is cut');
  });
});

describe('time', () => {
  const closed = [...EXCHANGE, a('F.', 101, 201), b('F.', 201, 102), a('.', 102, 202)];

  it('that jumps by years does not end TIME-WAIT for certain', async () => {
    const before = (await read(closed, 'client')).connections[0];
    expect(before?.ends.a.states).toEqual(['TIME-WAIT']);
    const icmpLater = { ...a('.', 102, 202), atMs: 3e9 };
    const after = (await read([...closed, icmpLater], 'client')).connections[0];
    expect(after?.ends.a.states).toContain('TIME-WAIT');
  });
});

describe('tunnels', () => {
  it('are named, because TCP in them is not read', async () => {
    const inner = packet(a('S', 0, null));
    const outer = Buffer.alloc(20 + inner.length);
    packet(a('S', 0, null)).copy(outer, 0, 0, 20);
    inner.copy(outer, 20);
    outer.writeUInt8(4, 9);
    outer.writeUInt16BE(outer.length, 2);
    const { file } = await read(EXCHANGE, undefined, [outer]);
    expect(file.notes.join()).toMatch(/1 packet .* tunnel/);
  });

  it('and a header that is too short hold no TCP', async () => {
    const short = packet(a('R', 101, null));
    short.writeUInt8(0x41, 0);
    expect((await read(EXCHANGE, undefined, [short])).connections[0]?.resetBy).toBeNull();
  });
});
