import type { Timeline } from '../evidence/timeline.ts';
import { formatEndpoint } from '../tcp/endpoint.ts';
import { headersOf, type Segment } from '../tcp/segment.ts';

/** A segment of the program's, and when it left. */
export interface Sent {
  atMs: number;
  segment: Segment;
  /** The whole packet, base64. */
  bytes: string;
}

/** What a program sent to the server's port: also what a rule did not let out. */
export function sentByClient(timeline: Timeline, serverPort: number): Sent[] {
  const events = [
    ...timeline.of('captured').filter(({ direction }) => direction === 'sent'),
    ...timeline.of('dropped').filter(({ hook }) => hook === 'out'),
  ];
  return events
    .flatMap(({ atMs, host, wire, bytes }) =>
      host === 'client' && wire.kind === 'tcp' && wire.segment.destination.port === serverPort
        ? { atMs, segment: wire.segment, bytes }
        : [],
    )
    .sort((a, b) => a.atMs - b.atMs);
}

/** The data of a segment. */
export function dataOf({ bytes }: Sent): Buffer {
  const packet = Buffer.from(bytes, 'base64');
  return packet.subarray(headersOf(packet)?.length ?? packet.length);
}

/** An attempt to connect: the first SYN from a port. */
export interface Attempt {
  atMs: number;
  /** The address that was tried. */
  address: string;
}

export function attemptsIn(sent: readonly Sent[]): Attempt[] {
  const first = new Map<string, Attempt>();
  for (const { atMs, segment } of sent) {
    if (segment.flags.replace(/[EW]/g, '') !== 'S') continue;
    const { source, destination } = segment;
    const name = `${formatEndpoint(source)} ${destination.address}`;
    if (!first.has(name)) first.set(name, { atMs, address: destination.address });
  }
  return [...first.values()];
}

/**
 * When the server, or a router, ended a connection before the program did: whether the program noticed can't be seen then,
 * since its kernel removes the connection by itself.
 */
export function endsByServer(timeline: Timeline, serverPort: number): number[] {
  const left = new Set(
    sentByClient(timeline, serverPort)
      .filter(({ segment }) => /[FR]/.test(segment.flags))
      .map(({ segment }) => segment.source.port),
  );
  return timeline.of('captured').flatMap(({ atMs, host, direction, wire }) => {
    if (host !== 'client' || direction !== 'received') return [];
    const isEnd =
      wire.kind === 'icmp'
        ? wire.error.quoted.destination.port === serverPort
        : wire.segment.source.port === serverPort && wire.segment.flags.includes('R');
    const port = wire.kind === 'icmp' ? wire.error.quoted.source.port : wire.segment.destination.port;
    return isEnd && !left.has(port) ? atMs : [];
  });
}

/** At most as long: the alert with which TLS closes. */
export const TLS_ALERT = 40;
