import { type Endpoint, sameEndpoint } from '../../tcp/endpoint.ts';
import type { SeenPacket } from '../packet.ts';
import { Connection, type Name } from './connection.ts';
import { type Place, PlaceEvidence } from './place.ts';
import { type Sighted, Sightings } from './sightings.ts';

/** More connections than these are counted, and not followed. */
const MOST_CONNECTIONS = 50_000;

/** All packets between two endpoints. */
interface Flow {
  sightings: Sightings;
  current: Connection | undefined;
  /** The one that its ports were taken from. */
  before?: Connection;
  key: string;
  /** Of its first connection: they are numbered in the order of their first packets. */
  number: number | null;
}

/** Gets each segment of a connection, in the order in which it is read. */
export type OnSegment = (connection: Connection, sighted: Sighted, from: Name, isUnseen: boolean) => void;

/** The connections of a capture. */
export class Connections {
  readonly all: Connection[] = [];
  /** How many connections were too many. */
  untold = 0;
  packets = 0;
  /** Packets of TCP whose headers the capture cut: any of them may be a FIN. */
  cut = 0;
  copies = 0;
  firstMs: number | null = null;
  lastMs: number | null = null;
  /** Whether the times of packets mean anything. */
  hasTimes = true;
  /** How many connections have a number. */
  #numbered = 0;
  readonly #flows = new Map<string, Flow>();
  /** By interface and the two addresses. */
  readonly #evidence = new Map<string, PlaceEvidence>();
  readonly #interfaces = new Map<string, Set<number>>();
  /** By a sender's address and its peer's: the interfaces in the order in which its packets pass them. */
  readonly #order = new Map<string, Passing>();
  readonly #onSegment: OnSegment | undefined;

  constructor(onSegment?: OnSegment) {
    this.#onSegment = onSegment;
  }

  add(packet: SeenPacket): void {
    this.packets++;
    this.firstMs = Math.min(this.firstMs ?? packet.atMs, packet.atMs);
    this.lastMs = Math.max(this.lastMs ?? packet.atMs, packet.atMs);
    const { wire } = packet;
    const { source, destination } = wire.kind === 'tcp' ? wire.segment : wire.error.quoted;
    const flow = this.#flowOf(source, destination);
    if (!flow) return;
    for (const sighted of flow.sightings.add(packet)) this.#read(flow, sighted);
    const { original } = flow.sightings;
    if (original) this.copies++;
    this.#note(packet, flow, original);
  }

  /** Reads what waits for another sighting. */
  finish(): void {
    for (const flow of this.#flows.values())
      for (const sighted of flow.sightings.rest()) this.#read(flow, sighted);
    this.all.sort((one, other) => one.number - other.number);
  }

  /** Where the capture of a connection was, by interface. */
  placesOf({ a, b }: Connection): Map<number, Place | null> {
    const pair = pairOf(a.endpoint.address, b.endpoint.address);
    const interfaces = [...(this.#interfaces.get(pair) ?? [])];
    return new Map(
      interfaces.map((number) => [
        number,
        this.#evidence.get(`${number} ${pair}`)?.of(a.endpoint.address, b.endpoint.address, this.hasTimes) ??
          null,
      ]),
    );
  }

  #note(packet: SeenPacket, flow: Flow, original: SeenPacket | null): void {
    if (packet.wire.kind !== 'tcp') return;
    const { source, destination } = packet.wire.segment;
    const pair = pairOf(source.address, destination.address);
    const key = `${packet.interface} ${pair}`;
    let evidence = this.#evidence.get(key);
    if (!evidence) {
      evidence = new PlaceEvidence();
      this.#evidence.set(key, evidence);
      const interfaces = this.#interfaces.get(pair) ?? new Set();
      this.#interfaces.set(pair, interfaces.add(packet.interface));
    }
    const isSameInterface = original?.interface === packet.interface;
    // On a bond or a tunnel, both sightings go the same way.
    evidence.isForwarded ||=
      isSameInterface && packet.direction !== null && packet.direction !== original?.direction;
    evidence.add(packet, flow.key, isSameInterface);
    if (!original || isSameInterface) return;
    const way = `${source.address} ${destination.address}`;
    const order = this.#order.get(way) ?? { first: original.interface, last: packet.interface, isSame: true };
    order.isSame &&= order.first === original.interface && order.last === packet.interface;
    this.#order.set(way, order);
  }

  #flowOf(source: Endpoint, destination: Endpoint): Flow | undefined {
    const key = keyOf(source, destination);
    let flow = this.#flows.get(key);
    if (!flow) {
      if (this.#flows.size >= MOST_CONNECTIONS) {
        this.untold++;
        return undefined;
      }
      const number = ++this.#numbered;
      flow = { sightings: new Sightings(), current: undefined, key, number };
      this.#flows.set(key, flow);
    }
    return flow;
  }

  #read(flow: Flow, sighted: Sighted): void {
    const { packet } = sighted;
    const { wire, atMs } = packet;
    if (wire.kind === 'icmp') {
      const { quoted } = wire.error;
      const { current } = flow;
      if (current)
        current.addError(atMs, sameEndpoint(quoted.source, current.a.endpoint) ? 'a' : 'b', wire.error);
      return;
    }
    const { segment } = wire;
    const { source, destination } = segment;
    let connection = flow.current;
    const isFromA = (one: Connection) => one.isSelf || sameEndpoint(source, one.a.endpoint);
    if (connection?.isBegunAnewBy(isFromA(connection) ? 'a' : 'b', segment)) {
      connection.reused = { by: isFromA(connection) ? 'a' : 'b', isAnswered: false };
      flow.before = connection;
      connection = undefined;
    }
    if (!connection) {
      if (this.all.length >= MOST_CONNECTIONS) {
        this.untold++;
        return;
      }
      // Of a SYN-ACK without its SYN, the receiver is the opener.
      const isAnswer = segment.flags.includes('S') && segment.flags.includes('.');
      const [a, b] = isAnswer ? [destination, source] : [source, destination];
      connection = new Connection(flow.number ?? ++this.#numbered, a, b, atMs);
      flow.number = null;
      this.all.push(connection);
      flow.current = connection;
    }
    const from = isFromA(connection) ? 'a' : 'b';
    const isUnseen = this.#isUnseenAtEnd(sighted);
    this.#onSegment?.(connection, sighted, from, isUnseen);
    connection.add({ atMs, from, isUnseen, hops: packet.hops, segment });
    // A SYN-ACK shows that the connection before it on these ports is gone at both ends.
    if (flow.before?.reused && segment.flags.includes('S') && segment.ack !== null)
      flow.before.reused.isAnswered = true;
  }

  /**
   * Whether a packet passed one interface and not the second, which others pass later on their way. Which is first is certain if
   * packets of the two ends pass them in opposite orders: whatever the clocks of two hosts, only one of both orders allows that.
   */
  #isUnseenAtEnd({ packet, interfaces }: Sighted): boolean {
    if (packet.wire.kind !== 'tcp') return false;
    const { source, destination } = packet.wire.segment;
    const there = this.#order.get(`${source.address} ${destination.address}`);
    const back = this.#order.get(`${destination.address} ${source.address}`);
    if (!there?.isSame || !back?.isSame || there.first !== back.last || there.last !== back.first)
      return false;
    return !interfaces.includes(there.last);
  }
}

/** In which order packets pass two interfaces; `isSame`: all of them. */
interface Passing {
  first: number;
  last: number;
  isSame: boolean;
}

function keyOf(one: Endpoint, other: Endpoint): string {
  const [left, right] = [`${one.address} ${one.port}`, `${other.address} ${other.port}`];
  return left < right ? `${left} ${right}` : `${right} ${left}`;
}

function pairOf(one: string, other: string): string {
  return one < other ? `${one} ${other}` : `${other} ${one}`;
}
