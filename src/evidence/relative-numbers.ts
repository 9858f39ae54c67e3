import type { Segment } from '../tcp/segment.ts';
import { type SequenceNumber, seqDistance } from '../tcp/sequence.ts';
import { receiverOf } from './connection.ts';
import type { HostName } from './events.ts';

/** A segment's numbers as tcpdump prints them. */
interface RelativeNumber {
  /** From the first sequence number of its sender’s connection: each SYN with a number of its own begins one. */
  seq: number;
  ack: number | null;
  /** The number that `seq` is counted from. */
  base: SequenceNumber;
}

/** No window is wider (RFC 7323, 2.3), so that what is further from a number belongs to another connection. */
const WIDEST_WINDOW = 2 ** 30;

/** Relative sequence numbers of the connections on one pair of ports. Segments must come in the order of their sending. */
export class RelativeNumbers {
  readonly #bases: Record<HostName, SequenceNumber[]> = { client: [], server: [] };

  /** An independent copy. */
  copy(): RelativeNumbers {
    const copy = new RelativeNumbers();
    copy.#bases.client.push(...this.#bases.client);
    copy.#bases.server.push(...this.#bases.server);
    return copy;
  }

  add(host: HostName, segment: Segment): RelativeNumber {
    const base = this.#baseOf(host, segment);
    const peerBase =
      segment.ack === null ? undefined : below(this.#bases[receiverOf(host, segment)], segment.ack);
    return {
      seq: seqDistance(segment.seq, base),
      ack: segment.ack === null ? null : seqDistance(segment.ack, peerBase ?? segment.ack),
      base,
    };
  }

  #baseOf(host: HostName, { flags, seq }: Segment): SequenceNumber {
    // An RST of a host that has no number of its own has 0 (RFC 9293, 3.10.7.1).
    if (flags.includes('R') && seq === 0) return seq;
    const bases = this.#bases[host];
    const known = flags.includes('S') ? bases.find((base) => base === seq) : below(bases, seq);
    // The beginning of some was not seen: they are counted from the first that was.
    if (known === undefined) bases.push(seq);
    return known ?? seq;
  }
}

/** The base that a number is counted from: the last before it. */
function below(bases: readonly SequenceNumber[], number: SequenceNumber): SequenceNumber | undefined {
  let nearest: SequenceNumber | undefined;
  for (const base of bases) {
    const distance = seqDistance(number, base);
    if (distance < 0 || distance >= WIDEST_WINDOW) continue;
    if (nearest === undefined || distance < seqDistance(number, nearest)) nearest = base;
  }
  return nearest;
}
