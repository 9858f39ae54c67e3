import type { KernelEvent } from '../tcp/kernel-event.ts';

/**
 * The kernel reports a socket for the first time before it has both ends: one from a listener has no peer yet, and one that
 * connects has no port (net/ipv4/inet_connection_sock.c, inet_csk_clone_lock; tcp_ipv4.c, tcp_v4_connect). It waits
 * here for the next event of that socket.
 */
export class Beginnings {
  readonly #waiting = new Map<KernelEvent['socket'], KernelEvent>();

  /** Whether the event is such a first one. Then it waits. */
  isOne(event: KernelEvent): boolean {
    if (event.name !== 'inet_sock_set_state') return false;
    const isUnnamed = event.local.port === 0 || event.remote.port === 0;
    if (!isUnnamed || (event.to !== 'SYN-RECEIVED' && event.to !== 'SYN-SENT')) return false;
    this.#waiting.set(event.socket, event);
    return true;
  }

  /** Those that connect. */
  get connecting(): KernelEvent[] {
    return [...this.#waiting.values()].filter(
      (event) => event.name === 'inet_sock_set_state' && event.to === 'SYN-SENT',
    );
  }

  /** The first event of a socket, with the ends that it has by now. Once. */
  take(socket: KernelEvent['socket'], ends: Pick<KernelEvent, 'local' | 'remote'>): KernelEvent | undefined {
    const beginning = this.#waiting.get(socket);
    this.#waiting.delete(socket);
    return beginning && { ...beginning, local: ends.local, remote: ends.remote };
  }

  /** Those of a namespace: nothing more is seen of it. */
  forget(namespace: number): void {
    for (const [socket, event] of this.#waiting) {
      if (event.namespace === namespace) this.#waiting.delete(socket);
    }
  }
}
