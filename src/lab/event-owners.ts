import {
  isOfSocket,
  type KernelEvent,
  type KernelEventName,
  type KernelRecord,
} from '../tcp/kernel-event.ts';
import { Beginnings } from './beginnings.ts';

/** A host that needs the kernel events of its own sockets. */
export interface Watcher {
  /** Inode number of its network namespace. */
  readonly namespace: number;
  owns(event: KernelEvent): boolean;
  /** Whether this process makes the host's calls, or is a program in it. */
  runs(pid: number): boolean;
  /** The one port that the host’s next socket can get that has none, while the kernel has no other to give there. */
  onlyPort?: number | undefined;
  see(record: KernelRecord): void;
  /** From here on events are missing, and why. */
  lose(why: string): void;
  /** Some of what happened since then was not recorded (CLOCK_MONOTONIC, nanoseconds). */
  miss(sinceNs: bigint): void;
}

/** Receives events that no host needs any more. */
export const NOBODY: Watcher = {
  namespace: 0,
  owns: () => false,
  runs: () => false,
  see: () => {},
  lose: () => {},
  miss: () => {},
};

/** Finds the host of a tracefs event, which does not contain its namespace. */
export class EventOwners {
  readonly #watchers = new Set<Watcher>();
  /** By socket, for those whose first event was seen. */
  readonly #owners = new Map<KernelEvent['socket'], Watcher>();
  readonly #beginnings = new Beginnings();
  /** The ports of sockets that had none to choose from but one. */
  readonly #onlyPorts = new Map<KernelEvent['socket'], { port: number; owner: Watcher }>();

  add(watcher: Watcher): void {
    this.#watchers.add(watcher);
  }

  remove(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    for (const [socket, owner] of this.#owners) if (owner === watcher) this.#owners.delete(socket);
    for (const [socket, { owner }] of this.#onlyPorts) if (owner === watcher) this.#onlyPorts.delete(socket);
  }

  isWatched(): boolean {
    return this.#watchers.size > 0;
  }

  /** Gives an event to its host, if any. A listener's has no client port: it belongs to `caller`, the host of the latest call. */
  give(event: KernelRecord, caller: Watcher | undefined): void {
    if (!isOfSocket(event)) return;
    const named = event.local.port === 0 ? this.#withOnlyPort(event) : event;
    if (named.remote.port === 0 || named.local.port === 0) this.#giveUnconnected(named, caller);
    else this.#giveConnected(named);
  }

  /**
   * The kernel prints that a socket connects before it has chosen a port for it (net/ipv4/tcp_ipv4.c, tcp_v4_connect), and
   * may print nothing more for as long as it is in SYN-SENT. Where there is but one port to choose from, it is known.
   */
  #withOnlyPort(event: KernelEvent): KernelEvent {
    if (event.name !== 'inet_sock_set_state' || event.remote.port === 0) return event;
    const withPort = (port: number): KernelEvent => ({ ...event, local: { ...event.local, port } });
    if (event.to !== 'SYN-SENT') {
      const known = this.#onlyPorts.get(event.socket);
      return known ? withPort(known.port) : event;
    }
    this.#onlyPorts.delete(event.socket);
    for (const owner of this.#watchers) {
      const port = owner.onlyPort;
      if (port === undefined || !owner.owns(withPort(port)) || !owner.runs(event.pid)) continue;
      // The next to ask for a port to the same peer gets none.
      owner.onlyPort = undefined;
      this.#onlyPorts.set(event.socket, { port, owner });
      return withPort(port);
    }
    return event;
  }

  settle(): void {}

  /** Reports a loss of events to all. */
  miss(sinceNs: bigint): void {
    for (const watcher of this.#watchers) watcher.miss(sinceNs);
  }

  #giveUnconnected(event: KernelEvent, caller: Watcher | undefined): void {
    if (event.name !== 'inet_sock_set_state') return;
    const states = [event.from, event.to];
    const isListener = states.includes('LISTEN') && states.includes('CLOSED');
    if (isListener) (event.pid === process.pid ? caller : this.#hostOf(event.pid))?.see(event);
    this.#beginnings.isOne(event);
  }

  #giveConnected(event: KernelEvent): void {
    const beginning = this.#beginnings.take(event.socket, event);
    const owner = [...this.#watchers].find((watcher) => watcher.owns(event));
    if (!owner) return;
    if (this.#begins(event, beginning, owner)) this.#owners.set(event.socket, owner);
    // A process that was killed leaves sockets behind, which may have the same ports, and end now.
    if (!OF_NO_FULL_SOCKET.has(event.name) && this.#owners.get(event.socket) !== owner) return;
    if (beginning) owner.see(beginning);
    owner.see(event);
  }

  #hostOf(pid: number): Watcher | undefined {
    return [...this.#watchers].find((watcher) => watcher.runs(pid));
  }

  /** A socket's first event is the connect() of a process in the host, or at its listener. */
  #begins(event: KernelEvent, beginning: KernelEvent | undefined, owner: Watcher): boolean {
    const first = beginning ?? event;
    if (first.name !== 'inet_sock_set_state') return false;
    return first.from === 'LISTEN' || (first.from === 'CLOSED' && owner.runs(first.pid));
  }
}

/** Requests, TIME-WAITs and segments that meet no socket have these too. */
const OF_NO_FULL_SOCKET: ReadonlySet<KernelEventName> = new Set(['tcp_retransmit_synack', 'tcp_send_reset']);
