import type { HostName, TimelineEvent } from '../evidence/events.ts';
import type { NetworkNamespace } from '../kernel/namespace.ts';
import { close, openRawSocket, sendPacket } from '../kernel/socket.ts';
import type { Family } from '../tcp/endpoint.ts';
import { decodePacket } from '../tcp/segment.ts';

interface Options {
  name: HostName;
  family: Family;
  namespace: NetworkNamespace;
  nowMs: () => number;
  readPackets: () => void;
  emit: (event: TimelineEvent) => void;
}

/** Sends whole packets from a host, past its TCP. */
export class CraftedPackets {
  readonly #options: Options;
  #fd: number | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  send(packet: Buffer, destination: string): void {
    const { name: host, family, namespace, nowMs, readPackets, emit } = this.#options;
    this.#fd ??= namespace.enter(() => openRawSocket(family));
    const wire = decodePacket(packet);
    // Before it is sent: a rule of this host may refuse it, and then no socket has sent what that rule dropped.
    if (wire) emit({ type: 'crafted', atMs: nowMs(), host, wire, bytes: packet.toString('base64') });
    readPackets();
    sendPacket(this.#fd, packet, destination);
    readPackets();
  }

  close(): void {
    if (this.#fd !== undefined) close(this.#fd);
  }
}
