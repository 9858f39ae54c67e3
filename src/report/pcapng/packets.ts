import type { Captured, Dropped, TimelineEvent } from '../../evidence/events.ts';
import type { Timeline } from '../../evidence/timeline.ts';

/** A packet as one host had it: captured there, or dropped there on its way out. */
export type PacketEvent = Captured | (Dropped & { hook: 'out' });

/** In the order of the timeline. What is dropped on its way in was captured before, and stands here once. */
export function packetsOf(timeline: Timeline): PacketEvent[] {
  return [...timeline].filter(hasOwnPlace);
}

export function hasOwnPlace(event: TimelineEvent): event is PacketEvent {
  return event.type === 'captured' || (event.type === 'dropped' && event.hook === 'out');
}

/** Whether the packet was on its way out of its host. */
export function leaves(event: PacketEvent): boolean {
  return event.type === 'dropped' || event.direction === 'sent';
}

/** Those that tcplab made: of the same bytes sent twice the first is the crafted one. */
export function craftedAmong(packets: readonly PacketEvent[], timeline: Timeline): Set<PacketEvent> {
  const waiting = new Map<string, number>();
  for (const { host, bytes } of timeline.of('crafted')) {
    waiting.set(host + bytes, (waiting.get(host + bytes) ?? 0) + 1);
  }
  return new Set(
    packets.filter((event) => {
      const key = event.host + event.bytes;
      const left = leaves(event) ? (waiting.get(key) ?? 0) : 0;
      if (left > 0) waiting.set(key, left - 1);
      return left > 0;
    }),
  );
}

/** Of the packets of one connection those that a host’s TCP sent again, each with how often it had been sent before. */
export function retransmissionsAmong(packets: readonly PacketEvent[]): Map<PacketEvent, number> {
  const sent = { client: new Map<string, number>(), server: new Map<string, number>() };
  const again = new Map<PacketEvent, number>();
  for (const event of packets) {
    if (!leaves(event) || event.wire.kind !== 'tcp') continue;
    const { seq, length, flags } = event.wire.segment;
    // What takes no sequence number is an acknowledgment or a probe (RFC 9293, 3.4).
    if (length === 0 && !/[SF]/.test(flags)) continue;
    const key = `${seq} ${flags.includes('S')}`;
    const before = sent[event.host].get(key);
    if (before !== undefined) again.set(event, before);
    sent[event.host].set(key, (before ?? 0) + 1);
  }
  return again;
}
