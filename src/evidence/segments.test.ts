import { describe, expect, it } from 'vitest';
import {
  CONNECTION,
  captured,
  crafted,
  dropped,
  HOST_ABOUT,
  opened,
  passed,
  ruleSet,
  segment,
  timelineOf,
} from '../../test/hand-built.ts';
import { fates, inputsAt } from '../../test/story.ts';
import { sequenceNumber } from '../tcp/sequence.ts';
import type { Captured } from './events.ts';
import { inputsOf, passages } from './segments.ts';

const syn = segment('client', 'S', 0);
const synAck = segment('server', 'S.', 0, 1);
const ack = segment('client', '.', 1, 1);

describe('a segment', () => {
  it('that arrives is delivered: one end sent it, the other was given it', () => {
    const timeline = timelineOf(...passed(1, 'client', syn), ...passed(2, 'server', synAck));
    expect(fates(timeline)).toEqual(['S delivered', 'S. delivered']);
    expect(passages(timeline, CONNECTION)[0]).toMatchObject({ host: 'client', atMs: 1, arrivedMs: 1.01 });
    expect(inputsAt(timeline, 'client')).toEqual(['sent S', 'received S.']);
    expect(inputsAt(timeline, 'server')).toEqual(['received S', 'sent S.']);
  });

  it('that a rule drops on arrival was seen, but not given', () => {
    const timeline = timelineOf(...passed(1, 'client', syn), dropped(1.01, 'server', 'in', syn));
    expect(fates(timeline)).toEqual(['S dropped by 1']);
    expect(passages(timeline, CONNECTION)[0]?.arrivedMs).toBe(1.01);
    expect(inputsAt(timeline, 'client')).toEqual(['sent S']);
    expect(inputsAt(timeline, 'server')).toEqual([]);
  });

  it('that a rule drops on its way out was sent by the end, and no capture saw it', () => {
    const timeline = timelineOf(dropped(1, 'client', 'out', syn, 3));
    expect(fates(timeline)).toEqual(['S dropped by 3']);
    expect(passages(timeline, CONNECTION)[0]?.arrivedMs).toBeNull();
    expect(inputsAt(timeline, 'client')).toEqual(['sent S']);
    expect(inputsAt(timeline, 'server')).toEqual([]);
  });

  it('that nobody drops and nobody sees arrive is lost', () => {
    const timeline = timelineOf(captured(1, 'client', 'sent', syn));
    expect(fates(timeline)).toEqual(['S lost']);
    expect(inputsAt(timeline, 'server')).toEqual([]);
  });

  it('of another connection is not of this one', () => {
    const other = { ...CONNECTION, client: { ...CONNECTION.client, port: 41235 } };
    const timeline = timelineOf(...passed(1, 'client', segment('client', 'S', 0, null, other)));
    expect(fates(timeline)).toEqual([]);
    expect(inputsAt(timeline, 'client')).toEqual([]);
    expect(passages(timeline, other)).toHaveLength(1);
  });

  it('is told in the order of its sending, though the captures are read one after the other', () => {
    const [first, second, third] = [
      passed(1, 'client', syn),
      passed(2, 'server', synAck),
      passed(3, 'client', ack),
    ];
    const atClient = [...first, ...second, ...third].filter(
      (event) => 'host' in event && event.host === 'client',
    );
    const atServer = [...first, ...second, ...third].filter(
      (event) => 'host' in event && event.host === 'server',
    );
    const timeline = timelineOf(...atServer, ...atClient);
    expect(fates(timeline)).toEqual(['S delivered', 'S. delivered', '. delivered']);
    expect(inputsAt(timeline, 'server')).toEqual(['received S', 'sent S.', 'received .']);
  });
});

describe('the same bytes twice', () => {
  it('are two segments', () => {
    const timeline = timelineOf(...passed(1, 'client', syn), ...passed(5, 'client', syn));
    expect(fates(timeline)).toEqual(['S delivered', 'S delivered']);
    expect(inputsAt(timeline, 'server')).toEqual(['received S', 'received S']);
  });

  it('of which the first is dropped: the second is given', () => {
    const timeline = timelineOf(
      ...passed(1, 'client', syn),
      ...passed(5, 'client', syn),
      dropped(1.01, 'server', 'in', syn),
    );
    expect(fates(timeline)).toEqual(['S dropped by 1', 'S delivered']);
    expect(inputsOf(timeline, CONNECTION, 'server').map(({ atMs }) => atMs)).toEqual([5.01]);
  });

  it('of which the second is dropped: the first was given, then', () => {
    const timeline = timelineOf(
      ...passed(1, 'client', syn),
      ...passed(5, 'client', syn),
      dropped(5.01, 'server', 'in', syn),
    );
    expect(fates(timeline)).toEqual(['S delivered', 'S dropped by 1']);
    expect(inputsOf(timeline, CONNECTION, 'server').map(({ atMs }) => atMs)).toEqual([1.01]);
  });

  it('that are both dropped are both kept from the end', () => {
    const timeline = timelineOf(
      ...passed(1, 'client', syn),
      ...passed(5, 'client', syn),
      dropped(1.01, 'server', 'in', syn),
      dropped(5.01, 'server', 'in', syn),
    );
    expect(fates(timeline)).toEqual(['S dropped by 1', 'S dropped by 1']);
    expect(inputsAt(timeline, 'server')).toEqual([]);
  });

  it('that are both dropped, and told late and together, are both kept from the end', () => {
    const timeline = timelineOf(
      ...passed(1, 'client', syn),
      ...passed(5, 'client', syn),
      dropped(6, 'server', 'in', syn),
      dropped(6, 'server', 'in', syn),
    );
    expect(fates(timeline)).toEqual(['S dropped by 1', 'S dropped by 1']);
    expect(inputsAt(timeline, 'server')).toEqual([]);
  });

  it('of which only one arrives: the other is lost', () => {
    const timeline = timelineOf(...passed(1, 'client', syn), captured(5, 'client', 'sent', syn));
    expect(fates(timeline)).toEqual(['S delivered', 'S lost']);
  });
});

describe('a crafted segment', () => {
  it('was not sent by a socket of its host, but the other end was given it', () => {
    const rst = segment('client', 'R', 1);
    const timeline = timelineOf(
      ...passed(1, 'client', syn),
      ...passed(2, 'server', synAck),
      crafted(3, 'client', rst),
      ...passed(3.1, 'client', rst),
    );
    expect(inputsAt(timeline, 'client')).toEqual(['sent S', 'received S.']);
    expect(inputsAt(timeline, 'server')).toEqual(['received S', 'sent S.', 'received R']);
    expect(fates(timeline)).toEqual(['S delivered', 'S. delivered', 'R delivered']);
  });

  it('that the host’s own firewall stops on its way out was not sent by a socket either', () => {
    const rst = segment('client', 'R', 1);
    const timeline = timelineOf(crafted(3, 'client', rst), dropped(3.1, 'client', 'out', rst));
    expect(inputsAt(timeline, 'client')).toEqual([]);
    expect(fates(timeline)).toEqual(['R dropped by 1']);
  });

  it('does not hide the same segment that a socket sends besides', () => {
    const timeline = timelineOf(
      crafted(1, 'client', syn),
      ...passed(1.1, 'client', syn),
      ...passed(2, 'client', syn),
    );
    expect(inputsAt(timeline, 'client')).toEqual(['sent S']);
    expect(inputsAt(timeline, 'server')).toEqual(['received S', 'received S']);
  });
});

describe('an RST with which a firewall rejects', () => {
  const reject = 'meta l4proto tcp reject with tcp reset';

  it('was not sent by a socket of the host: a segment that a rule keeps from it is answered by no socket', () => {
    const fin = segment('client', 'F.', 1, 1);
    const rst = segment('server', 'R', 1);
    const timeline = timelineOf(
      ...passed(1, 'client', syn),
      ...passed(2, 'server', synAck),
      ...passed(3, 'client', ack),
      ruleSet(4, 'server', reject),
      ...passed(5, 'client', fin),
      dropped(5.01, 'server', 'in', fin),
      ...passed(5.1, 'server', rst),
    );
    expect(inputsAt(timeline, 'server')).toEqual(['received S', 'sent S.', 'received .']);
    expect(inputsAt(timeline, 'client')).toEqual([
      'sent S',
      'received S.',
      'sent .',
      'sent F.',
      'received R',
    ]);
  });

  it('is told from one with which a socket aborts meanwhile', () => {
    const data = segment('client', 'P.', 1, 1);
    const timeline = timelineOf(
      ...passed(1, 'client', syn),
      ...passed(2, 'server', synAck),
      ...passed(3, 'client', ack),
      ruleSet(4, 'server', reject),
      ...passed(5, 'client', data),
      dropped(5.01, 'server', 'in', data),
      ...passed(5.1, 'server', segment('server', 'R', 1)),
      ...passed(6, 'server', segment('server', 'R.', 1, 1)),
    );
    expect(inputsAt(timeline, 'server')).toEqual(['received S', 'sent S.', 'received .', 'sent R.']);
  });
});

describe('an ICMP error', () => {
  it('belongs to the connection that it quotes; the end is given it, and no end has sent it', () => {
    const quoted = {
      source: CONNECTION.client,
      destination: CONNECTION.server,
      seq: sequenceNumber(syn.seq),
    };
    const error = { source: '192.168.2.11', destination: '192.168.2.10', type: 3, code: 3, quoted };
    const wire = { kind: 'icmp' as const, error: { ...error, meaning: 'port unreachable' } };
    const timeline = timelineOf(
      ...passed(1, 'client', syn),
      { type: 'captured', atMs: 1.1, host: 'server', direction: 'sent', wire, bytes: 'abc' },
      { type: 'captured', atMs: 1.2, host: 'client', direction: 'received', wire, bytes: 'abc' },
    );
    expect(inputsAt(timeline, 'client')).toEqual(['sent S', 'received port unreachable']);
    expect(inputsAt(timeline, 'server')).toEqual(['received S']);
    expect(fates(timeline)).toEqual(['S delivered', 'port unreachable delivered']);
  });
});

describe('between machines', () => {
  const data = (seq: number, length: number) => ({
    ...segment('client', 'P.', seq, 1),
    payload: Buffer.alloc(length, seq),
  });
  /** A router takes one off the time to live, and with it the header's checksum is another. */
  const routed = (event: Captured): Captured => {
    const bytes = Buffer.from(event.bytes, 'base64');
    bytes.writeUInt8(bytes.readUInt8(8) - 1, 8);
    bytes.writeUInt16BE(bytes.readUInt16BE(10) + 0x100, 10);
    return { ...event, bytes: bytes.toString('base64') };
  };
  const about = { ...HOST_ABOUT, noPackets: 'no packets are seen' };

  it('a segment is the same that a router has passed on', () => {
    const timeline = timelineOf(
      captured(1, 'client', 'sent', syn),
      routed(captured(2, 'server', 'received', syn)),
      dropped(2.1, 'server', 'in', syn),
    );
    expect(fates(timeline)).toEqual(['S dropped by 1']);
    expect(inputsAt(timeline, 'server')).toEqual([]);
  });

  it('one that a card has cut has arrived when all of its octets have, and is lost when one has not', () => {
    const sent = captured(1, 'client', 'sent', data(1, 2000));
    const parts = [data(1, 800), data(801, 800), data(1601, 400)].map((part, index) =>
      captured(2 + index, 'server', 'received', part),
    );
    expect(passages(timelineOf(sent, ...parts), CONNECTION)).toMatchObject([
      { fate: 'delivered', arrivedMs: 4 },
    ]);
    expect(fates(timelineOf(sent, ...parts.toSpliced(1, 1)))).toEqual(['P. lost']);
  });

  it('those that a card has joined have arrived with the one', () => {
    const sent = [data(1, 800), data(801, 800)].map((one) => captured(1, 'client', 'sent', one));
    expect(fates(timelineOf(...sent, captured(2, 'server', 'received', data(1, 1600))))).toEqual([
      'P. delivered',
      'P. delivered',
    ]);
    expect(fates(timelineOf(...sent, captured(2, 'server', 'received', data(1, 900))))).toEqual([
      'P. delivered',
      'P. lost',
    ]);
  });

  it('where nothing is seen of what arrives, nobody says that it was lost', () => {
    const hosts = { client: HOST_ABOUT, server: about };
    expect(fates(timelineOf({ ...opened(), hosts }, captured(1, 'client', 'sent', syn)))).toEqual([
      'S unseen',
    ]);
  });
});
