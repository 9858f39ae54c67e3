import { describe, expect, it } from 'vitest';
import {
  captured,
  claimed,
  crafted,
  dropped,
  heldFrom,
  MADE,
  opened,
  passed,
  ruleSet,
  segment,
  timelineOf,
} from '../../../../test/hand-built.ts';
import type { TimelineEvent } from '../../../evidence/events.ts';
import { checksumsHold } from '../../../tcp/segment.ts';
import { packetComments } from './comments.ts';
import { packetsOf } from './packets.ts';
import { formatPcapng } from './pcapng.ts';

const syn = segment('client', 'S', 0);
const synAck = segment('server', 'S.', 0, 1);
const ack = segment('client', '.', 1, 1);
const fin = segment('client', 'F.', 1, 1);
const handshake = [
  opened(),
  ...MADE,
  ...passed(1, 'client', syn),
  ...passed(2, 'server', synAck),
  ...passed(3, 'client', ack),
];

/** `client: sent by the client` of each packet, in order. */
function told(...events: TimelineEvent[]): string[] {
  const timeline = timelineOf(...events);
  const comments = packetComments(timeline);
  return packetsOf(timeline).map((event) => `${event.host}: ${comments.get(event)}`);
}

describe('the comment of a packet', () => {
  it('says whose state it changed, by which arc', () => {
    expect(told(...handshake)).toEqual([
      'client: client CLOSED → SYN-SENT (arc 2, RFC 9293 3.10.1)',
      'server: given to the server',
      'server: server LISTEN → SYN-RECEIVED (arc 3, RFC 9293 3.10.7.2)',
      'client: client SYN-SENT → ESTABLISHED (arc 6, RFC 9293 3.10.7.3)',
      'client: sent by the client in ESTABLISHED',
      'server: server SYN-RECEIVED → ESTABLISHED (arc 12, RFC 9293 3.10.7.4)',
    ]);
  });

  it('says which rule dropped it on arrival, and nothing of a state that it could not change', () => {
    const events = [
      ...handshake,
      ruleSet(4, 'server', 'tcp dport 80 drop', 7),
      ...passed(5, 'client', fin),
      dropped(5.01, 'server', 'in', fin, 7),
    ];
    expect(told(...events).slice(6)).toEqual([
      'client: client ESTABLISHED → FIN-WAIT-1 (arc 17, RFC 9293 3.10.4)',
      'server: dropped by rule 7: tcp dport 80 drop',
    ]);
  });

  it('says that a packet dropped on its way out was never on the wire', () => {
    expect(
      told(opened(), ruleSet(0.5, 'client', 'tcp dport 80 drop'), dropped(1, 'client', 'out', syn)),
    ).toEqual([
      'client: client CLOSED → SYN-SENT (arc 2, RFC 9293 3.10.1); dropped by rule 1: tcp dport 80 drop, on its way out: never on the wire',
    ]);
  });

  it('counts how often something was sent again', () => {
    const again = [...passed(5, 'client', fin), ...passed(6, 'client', fin), ...passed(7, 'client', fin)];
    const comments = told(...handshake, ...again).filter((comment) => comment.startsWith('client'));
    expect(comments.slice(-3)).toEqual([
      'client: client ESTABLISHED → FIN-WAIT-1 (arc 17, RFC 9293 3.10.4)',
      'client: retransmission 1',
      'client: retransmission 2',
    ]);
  });

  it('does not take an acknowledgment for something sent again', () => {
    expect(told(...handshake, ...passed(4, 'client', ack)).slice(6)).toEqual([
      'client: sent by the client in ESTABLISHED',
      'server: given to the server in ESTABLISHED',
    ]);
  });

  it('says what tcplab made, and that a socket’s own packet of the same bytes is not it', () => {
    const events = [
      opened(),
      crafted(1, 'client', syn),
      ...passed(1.1, 'client', syn),
      ...passed(2, 'client', syn),
    ];
    expect(told(...events).filter((comment) => comment.startsWith('client'))).toEqual([
      'client: crafted by tcplab',
      'client: client CLOSED → SYN-SENT (arc 2, RFC 9293 3.10.1)',
    ]);
  });

  it('says that a packet was not seen to arrive', () => {
    expect(told(opened(), captured(1, 'client', 'sent', syn))).toEqual([
      'client: client CLOSED → SYN-SENT (arc 2, RFC 9293 3.10.1); not seen to arrive',
    ]);
  });
});

describe('a packet that never left its host', () => {
  it('is written with the checksum that it would have had', () => {
    const timeline = timelineOf(
      opened(),
      dropped(1, 'client', 'out', syn),
      claimed(2, 'client', 'SYN-SENT'),
      heldFrom(2, 3),
    );
    const [event] = timeline.of('dropped');
    const whole = Buffer.from(event?.bytes ?? '', 'base64');
    const partial = Buffer.from(whole);
    partial.writeUInt16BE(0x1234, 36);
    if (event) event.bytes = partial.toString('base64');
    expect(checksumsHold(partial)).toBe(false);
    const file = formatPcapng(timeline, {
      type: 'run-started',
      format: 'tcplab.timeline/1',
      tool: { name: 'tcplab', version: '0.1.0' },
      machine: { kernel: '6.18', arch: 'x64', privilege: 'root' },
      startedAt: '2026-11-22T05:21:00.000Z',
      scenarios: [],
      repeat: 1,
    });
    expect(file.includes(whole)).toBe(true);
    expect(file.includes(partial)).toBe(false);
  });
});
