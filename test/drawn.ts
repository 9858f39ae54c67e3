import type { Called, Captured, HostName, TimelineEvent } from '../src/evidence/events.ts';
import { ladderParts } from '../src/report/terminal/ladder/ladder.ts';
import type { Style } from '../src/report/terminal/style.ts';
import type { SegmentToEncode } from '../src/tcp/encode.ts';
import { sequenceNumber } from '../src/tcp/sequence.ts';
import { CONNECTION, captured, passed, segment, timelineOf } from './hand-built.ts';

/** Ladders of handwritten timelines. */

const same = (text: string) => text;
export const PLAIN: Style = { bold: same, dim: same, good: same, bad: same, unsure: same };

export const syn: SegmentToEncode = segment('client', 'S', 0);
export const synAck: SegmentToEncode = segment('server', 'S.', 0, 1);
export const ack: SegmentToEncode = segment('client', '.', 1, 1);
export const fin: SegmentToEncode = segment('client', 'F.', 1, 1);
export const serverFin: SegmentToEncode = segment('server', 'F.', 1, 1);

export const handshake: TimelineEvent[] = [
  ...passed(1, 'client', syn),
  ...passed(1.1, 'server', synAck),
  ...passed(1.2, 'client', ack),
];

export function called(
  atMs: number,
  host: HostName,
  call: string,
  detail = '',
  result = 'ok',
  socket = 1,
): Called {
  return { type: 'call', atMs, host, call, socket, detail, result, tookMs: 0.01 };
}

/** What it costs to arrive is more than `passed` has it. */
export function slow(atMs: number, arrivesMs: number, from: HostName, of: SegmentToEncode): TimelineEvent[] {
  return [
    captured(atMs, from, 'sent', of),
    captured(arrivesMs, from === 'client' ? 'server' : 'client', 'received', of),
  ];
}

export function icmp(
  atMs: number,
  host: HostName,
  direction: 'sent' | 'received',
  meaning: string,
): Captured {
  const quoted = { source: CONNECTION.client, destination: CONNECTION.server, seq: sequenceNumber(syn.seq) };
  const error = { source: '192.168.2.11', destination: '192.168.2.10', type: 3, code: 3, meaning, quoted };
  return { type: 'captured', atMs, host, direction, wire: { kind: 'icmp', error }, bytes: meaning };
}

/** Only the rows, as they are on a terminal. */
export function rows(...events: TimelineEvent[]): string {
  const { rows } = ladderParts(timelineOf(...events), { ascii: false, style: PLAIN });
  return `\n${rows.join('\n')}\n`;
}
