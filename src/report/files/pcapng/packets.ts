import type { Captured, Dropped, TimelineEvent } from '../../../evidence/events.ts';
import type { Timeline } from '../../../evidence/timeline.ts';

/** A packet as one host had it: captured there, or dropped there on its way out. */
export type PacketEvent = Captured | (Dropped & { hook: 'out' });

/** In timeline order. A packet dropped on its way in was captured before and appears once, as captured. */
export function packetsOf(timeline: Timeline): PacketEvent[] {
  return [...timeline].filter(hasOwnPlace);
}

export function hasOwnPlace(event: TimelineEvent): event is PacketEvent {
  return event.type === 'captured' || (event.type === 'dropped' && event.hook === 'out');
}
