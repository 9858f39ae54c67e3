import type { Connection } from '../../evidence/connection.ts';
import {
  type Captured,
  type Crafted,
  type Dropped,
  type HostName,
  otherHost,
  type RuleSet,
} from '../../evidence/events.ts';
import { type Passage, passages } from '../../evidence/segments.ts';
import type { Timeline } from '../../evidence/timeline.ts';
import { courseOf, type Transition } from '../../evidence/transitions.ts';
import type { Endpoint } from '../../tcp/endpoint.ts';
import type { State } from '../../tcp/state.ts';
import { Retransmissions } from './retransmissions.ts';

type PacketEvent = Captured | Dropped;

/** What each packet did, in a few short sentences: who changed its state by it, who dropped it, who made it. */
export function packetComments(timeline: Timeline): Map<PacketEvent, string[]> {
  const comments = new Map<PacketEvent, string[]>();
  for (const connection of connectionsOf(timeline)) {
    const { transitions } = courseOf(timeline, connection);
    const told = new Teller(timeline, transitions);
    for (const passage of passages(timeline, connection)) {
      const { host, atMs, arrivedMs, bytes } = passage;
      put(comments, find(timeline, host, atMs, bytes), told.leaving(passage));
      if (arrivedMs !== null)
        put(comments, find(timeline, otherHost(host), arrivedMs, bytes), told.arriving(passage));
    }
  }
  return comments;
}
