import { type Endpoint, formatEndpoint } from '../tcp/endpoint.ts';
import type { Connection } from './connection.ts';
import type { Captured, Crafted, Dropped, KernelDropped, TimelineEvent } from './events.ts';
import type { Timeline } from './timeline.ts';
import { Traffic } from './traffic.ts';

/** A packet as one host saw it. */
export type ObservedPacket = Captured | Dropped;

/** The packet events of a timeline. */
export type PacketEvent = ObservedPacket | Crafted | KernelDropped;

/** The packets of each timeline, by connection: an index reads its timeline once, then follows it. */
const indexes = new WeakMap<Timeline, PacketIndex>();

export function trafficOn(timeline: Timeline, { client, server }: Connection): Traffic {
  return indexOf(timeline).ask({ client, server });
}

/**
 * All that happened before `untilMs` is on the timeline: what follows from it is settled, and packets beyond what memory has room
 * for are left out. A lab says so after each poll; a timeline of which nobody does is read whole whenever somebody asks.
 */
export function settle(timeline: Timeline, untilMs: number): void {
  indexOf(timeline).settle(untilMs);
}

function indexOf(timeline: Timeline): PacketIndex {
  let index = indexes.get(timeline);
  if (!index) {
    index = new PacketIndex(timeline);
    indexes.set(timeline, index);
  }
  return index;
}

class PacketIndex {
  readonly #timeline: Timeline;
  readonly #connections = new Map<string, Traffic>();
  /** Those with something that is not settled. */
  readonly #unsettled = new Set<Traffic>();

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
    for (const event of timeline) this.#add(event);
    timeline.follow((event) => this.#add(event));
  }

  of(connection: Connection): Traffic {
    const key = keyOf(connection.client, connection.server);
    let traffic = this.#connections.get(key);
    if (!traffic) {
      traffic = new Traffic(this.#timeline, connection);
      this.#connections.set(key, traffic);
    }
    return traffic;
  }

  /** Each poll settles the requested connections, also without new packets: the last ones may have been too new. */
  ask(connection: Connection): Traffic {
    const traffic = this.of(connection);
    this.#unsettled.add(traffic);
    return traffic;
  }

  settle(untilMs: number): void {
    for (const traffic of this.#unsettled) {
      traffic.settle(untilMs);
      if (traffic.isSettled) this.#unsettled.delete(traffic);
    }
    if (this.#timeline.settle(untilMs).length === 0) return;
    for (const traffic of this.#connections.values()) traffic.leaveOut();
  }

  #add(event: TimelineEvent): void {
    // What a box dropped is at neither host: there, it was sent and did not arrive.
    if (!('wire' in event) || event.type === 'box-dropped') return;
    const traffic = this.of(connectionOf(event));
    traffic.add(event);
    this.#unsettled.add(traffic);
  }
}

/** Between which sockets of both hosts it is: of an ICMP error, those of the segment that it quotes. */
function connectionOf(event: PacketEvent): Connection {
  const { host, wire } = event;
  const hasLeft =
    event.type === 'crafted' ||
    (event.type === 'dropped' ? event.hook === 'out' : event.direction === 'sent');
  const { source, destination } = wire.kind === 'tcp' ? wire.segment : wire.error.quoted;
  const isFromHere = hasLeft === (wire.kind === 'tcp');
  const [own, other] = isFromHere ? [source, destination] : [destination, source];
  return host === 'client' ? { client: own, server: other } : { client: other, server: own };
}

/** The same for both directions. */
function keyOf(one: Endpoint, other: Endpoint): string {
  const [a, b] = [textOf(one), textOf(other)];
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

const texts = new WeakMap<Endpoint, string>();

function textOf(endpoint: Endpoint): string {
  let text = texts.get(endpoint);
  if (text === undefined) {
    text = formatEndpoint(endpoint);
    texts.set(endpoint, text);
  }
  return text;
}
