import type { HostName, TimelineEvent } from '../evidence/events.ts';
import type { NetworkNamespace } from '../kernel/namespace.ts';
import { networkOf, processesWith } from '../kernel/process.ts';
import type { KernelEvent } from '../tcp/kernel-event.ts';
import type { PortBlock } from './client-ports.ts';
import type { Watcher } from './event-owners.ts';
import type { SharedMachine } from './shared-machine.ts';

interface Options {
  name: HostName;
  address: string;
  namespace: NetworkNamespace;
  clientPorts: PortBlock;
  shared?: SharedMachine;
  /** From CLOCK_MONOTONIC, nanoseconds, to milliseconds on the timeline. */
  toMs: (ns: bigint) => number;
  nowMs: () => number;
  emit: (event: TimelineEvent) => void;
}

/** What the kernel's events tell of one host. */
export class KernelSight implements Watcher {
  readonly #options: Options;
  onlyPort: number | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  owns({ local, remote }: KernelEvent): boolean {
    const { name, address, clientPorts, shared } = this.#options;
    const client = name === 'client' ? local : remote;
    if (shared && !shared.joins(local, remote)) return false;
    return local.address === address && client.port >= clientPorts.first && client.port <= clientPorts.last;
  }

  runs(pid: number): boolean {
    const { namespace, shared } = this.#options;
    if (pid === process.pid) return true;
    return shared ? processesWith(shared.mark, [pid]).length > 0 : networkOf(pid) === namespace.name;
  }

  see(event: KernelEvent): void {
    const { name: host, shared, toMs, emit } = this.#options;
    if (shared && !shared.joins(event.local, event.remote)) return;
    const { atNs, name, local, remote } = event;
    const change = event.name === 'inet_sock_set_state' ? { from: event.from, to: event.to } : null;
    emit({ type: 'kernel', atMs: toMs(atNs), host, name, local, remote, change });
  }

  lose(): void {
    const what = "the kernel's trace ring overflowed: events are missing";
    const { nowMs, emit } = this.#options;
    emit({ type: 'lost', atMs: nowMs(), witness: 'kernel-events', host: null, what });
  }
}
