import { sameEndpoint } from '../../tcp/endpoint.ts';
import type { SeenPacket } from '../packet.ts';

/** A packet, and where it was seen. */
export interface Sighted {
  packet: SeenPacket;
  /** Each as `SeenPacket.sighting`. */
  sightings: string[];
  /** The numbers of the interfaces. */
  interfaces: number[];
}

/** So long, or so many packets, a packet may be seen once more: at another interface, or on its way out. */
const [LONGEST_MS, MOST_WAITING] = [1000, 64];
/** Of packets without a mark of their own, the copies are not further apart. */
const SAME_MS = 100;
/** No timer of TCP is so short: what is the same in all and follows so soon was captured twice, as at a mirror port of both ends. */
const TOO_SOON_MS = 1;

/** Makes one packet of its several sightings: at a router, at two interfaces, in merged files. */
export class Sightings {
  #waiting: Sighted[] = [];
  #first = 0;
  /** Of which packet the last one was a copy. */
  original: SeenPacket | null = null;

  /** Those that are not seen again, in the order in which they were first seen. */
  *add(packet: SeenPacket): Generator<Sighted> {
    const same = this.#find(packet);
    this.original = same?.packet ?? null;
    if (same) {
      same.sightings.push(packet.sighting);
      if (!same.interfaces.includes(packet.interface)) same.interfaces.push(packet.interface);
      return;
    }
    this.#waiting.push({ packet, sightings: [packet.sighting], interfaces: [packet.interface] });
    while (this.#isOver(packet.atMs)) yield this.#waiting[this.#first++] as Sighted;
    if (this.#first > MOST_WAITING) {
      this.#waiting = this.#waiting.slice(this.#first);
      this.#first = 0;
    }
  }

  *rest(): Generator<Sighted> {
    yield* this.#waiting.slice(this.#first);
    this.#waiting = [];
    this.#first = 0;
  }

  #isOver(atMs: number): boolean {
    const oldest = this.#waiting[this.#first];
    if (!oldest) return false;
    return this.#waiting.length - this.#first > MOST_WAITING || atMs - oldest.packet.atMs > LONGEST_MS;
  }

  #find(packet: SeenPacket): Sighted | undefined {
    if (packet.wire.kind !== 'tcp') return undefined;
    const { seq, ack, flags, length } = packet.wire.segment;
    for (let index = this.#first; index < this.#waiting.length; index++) {
      const one = this.#waiting[index] as Sighted;
      const { packet: other } = one;
      if (other.mark !== packet.mark || other.wire.kind !== 'tcp') continue;
      const { segment } = other.wire;
      if (segment.seq !== seq || segment.ack !== ack || segment.flags !== flags || segment.length !== length)
        continue;
      if (!sameEndpoint(segment.source, packet.wire.segment.source)) continue;
      if (isCopy(one, packet)) return one;
    }
    return undefined;
  }
}

function isCopy({ packet, sightings }: Sighted, copy: SeenPacket): boolean {
  const isElsewhere = !sightings.includes(copy.sighting) || packet.hops !== copy.hops;
  const apartMs = Math.abs(copy.atMs - packet.atMs);
  if (copy.hasOwnMark) return isElsewhere || apartMs < SAME_MS;
  return apartMs < (isElsewhere ? SAME_MS : TOO_SOON_MS);
}
