import type { HostName } from '../evidence/events.ts';
import type { Endpoint } from '../tcp/endpoint.ts';
import type { WirePacket } from '../tcp/segment.ts';
import type { SocketRow } from '../tcp/socket-row.ts';

/**
 * What one of two labs sees of a host that both have: a relay's connections to its client, or those to its server. The address at the
 * other end decides. Without one, a socket belongs to the side on which it listens.
 */
export class Leg {
  /** The host that it is in its lab: `server` on the client's side. */
  readonly #name: HostName;
  /** The address of the lab's other host. */
  readonly #peer: string;
  /** Each of the two labs has a table of rules of its own. */
  readonly table: string;

  constructor(name: HostName, peer: string) {
    this.#name = name;
    this.#peer = peer;
    this.table = `tcplab-${name}`;
  }

  /** The namespace ends with its labs, and the rules with it. */
  keep(): void {}

  isOurs({ local, remote }: SocketRow): boolean {
    return this.joins(local, remote);
  }

  joins(_own: Endpoint, other: Endpoint): boolean {
    return other.port === 0 ? this.#name === 'server' : other.address === this.#peer;
  }

  concerns(wire: WirePacket): boolean {
    const { source, destination } = wire.kind === 'tcp' ? wire.segment : wire.error.quoted;
    return source.address === this.#peer || destination.address === this.#peer;
  }
}
