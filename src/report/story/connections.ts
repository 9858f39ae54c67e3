import type { Connection } from '../../evidence/connection.ts';
import type { Captured, Dropped } from '../../evidence/events.ts';
import type { Timeline } from '../../evidence/timeline.ts';
import { formatEndpoint } from '../../tcp/endpoint.ts';

/** All connections of which a segment was seen, in that order. */
export function connectionsOf(timeline: Timeline): Connection[] {
  const found = new Map<string, Connection>();
  for (const event of timeline) {
    if (event.type !== 'captured' && event.type !== 'dropped') continue;
    if (event.wire.kind !== 'tcp') continue;
    const { source, destination } = event.wire.segment;
    const fromClient = leaves(event) === (event.host === 'client');
    const connection = fromClient
      ? { client: source, server: destination }
      : { client: destination, server: source };
    const key = keyOf(connection);
    if (!found.has(key)) found.set(key, connection);
  }
  return [...found.values()];
}

export function sameConnection(a: Connection, b: Connection): boolean {
  return keyOf(a) === keyOf(b);
}

/** Whether the packet was on its way out of its host. */
export function leaves(event: Captured | Dropped): boolean {
  return event.type === 'captured' ? event.direction === 'sent' : event.hook === 'out';
}

function keyOf({ client, server }: Connection): string {
  return `${formatEndpoint(client)} ${formatEndpoint(server)}`;
}
