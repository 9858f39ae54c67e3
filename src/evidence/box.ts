import { sameEndpoint } from '../tcp/endpoint.ts';
import type { WirePacket } from '../tcp/segment.ts';
import type { BoxDropped, BoxEntrySeen } from './box-events.ts';
import type { Connection } from './connection.ts';
import { isSamePacket } from './identity.ts';
import type { Timeline } from './timeline.ts';

/** What a timeline has of the box between the hosts. It never votes on a state: what a box tracks is neither end's. */

/** All that was seen of the box's entry for a connection, in order. */
export function entriesOf(timeline: Timeline, connection: Connection): BoxEntrySeen[] {
  return timeline
    .of('box-entry')
    .filter(({ from, to }) => joins(connection, { source: from, destination: to }));
}

/** What the box dropped of a connection: its segments, and ICMP errors about them. */
export function boxDropsOf(timeline: Timeline, connection: Connection): BoxDropped[] {
  return timeline.of('box-dropped').filter(({ wire }) => joins(connection, endsOf(wire)));
}

/** The rule of the box that dropped a packet; undefined if none did. */
export function boxRuleFor(timeline: Timeline, packet: { bytes: string }): string | undefined {
  const drop = timeline.of('box-dropped').find((one) => isSamePacket(one, packet));
  return drop && boxRuleWords(timeline, drop.rule);
}

/** `box rule 1: ct state invalid drop` */
function boxRuleWords(timeline: Timeline, number: number): string {
  const rule = timeline.of('box-opened')[0]?.rules.find((one) => one.rule === number);
  return `box rule ${number}${rule ? `: ${rule.text}` : ''}`;
}

/** Why it can't be said that the box had an entry, has none now and has had none since `sinceMs`; null if that is so. */
export function stillTracked(
  timeline: Timeline,
  connection: Connection,
  sinceMs: number,
  untilMs: number,
): string | null {
  const seen = entriesOf(timeline, connection).filter(({ atMs }) => atMs <= untilMs);
  if (!seen.some(({ entry }) => entry)) return 'the box never had an entry of the connection';
  const before = seen.findLast(({ atMs }) => atMs <= sinceMs);
  const found = [...(before ? [before] : []), ...seen.filter(({ atMs }) => atMs > sinceMs)].find(
    ({ entry }) => entry,
  );
  return found?.entry ? `the box has an entry of the connection (${found.entry.state})` : null;
}

function endsOf(wire: WirePacket) {
  return wire.kind === 'tcp' ? wire.segment : wire.error.quoted;
}

function joins(
  { client, server }: Connection,
  { source, destination }: { source: Connection['client']; destination: Connection['client'] },
): boolean {
  return (
    (sameEndpoint(source, client) && sameEndpoint(destination, server)) ||
    (sameEndpoint(source, server) && sameEndpoint(destination, client))
  );
}
