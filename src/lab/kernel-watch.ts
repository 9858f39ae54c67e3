import { TcplabError } from '../error.ts';
import { KernelEvents } from '../kernel/tracefs.ts';
import type { KernelEvent } from '../tcp/kernel-event.ts';

/** A host that wants the kernel's events of its own sockets. */
export interface Watcher {
  owns(event: KernelEvent): boolean;
  see(event: KernelEvent): void;
  /** From here on some events may be missing. */
  lose(): void;
}

/**
 * The kernel traces all its sockets into one ring, and its events do not say in which namespace they were. One watch
 * serves all hosts of this process, and gives each what is its own.
 */
export class KernelWatch {
  static #current: Promise<KernelWatch> | undefined;
  static #users = 0;

  readonly #events: KernelEvents | undefined;
  readonly #watchers = new Set<Watcher>();
  /** Null when kernel events are seen; else why not. */
  readonly unavailable: string | null;

  private constructor(events: KernelEvents | undefined, unavailable: string | null) {
    this.#events = events;
    this.unavailable = unavailable;
  }

  /** The watch of this process; the first one opens it. Each call wants a `release` of its own. */
  static acquire(): Promise<KernelWatch> {
    KernelWatch.#users++;
    KernelWatch.#current ??= KernelEvents.open().then(
      (events) => new KernelWatch(events, null),
      (error: unknown) => {
        if (error instanceof TcplabError) return new KernelWatch(undefined, error.message);
        throw error;
      },
    );
    return KernelWatch.#current;
  }

  /** The last one closes it. */
  async release(): Promise<void> {
    if (--KernelWatch.#users > 0) return;
    KernelWatch.#current = undefined;
    await this.#events?.close();
  }

  /** Tells apart the labs of processes that run side by side; null when this one sees no kernel events. */
  get slot(): number | null {
    return this.#events?.slot ?? null;
  }

  add(watcher: Watcher): void {
    this.#watchers.add(watcher);
  }

  remove(watcher: Watcher): void {
    this.#watchers.delete(watcher);
  }

  /**
   * Gives all new events away. One that names no client (a listener's) belongs to whoever has just made a call:
   * a host reads right after each call that can cause one.
   */
  read(caller?: Watcher): void {
    if (!this.#events) return;
    for (const event of this.#events.read()) {
      const owner = [...this.#watchers].find((watcher) => watcher.owns(event));
      const ownCall = event.pid === process.pid && event.remote.port === 0 ? caller : undefined;
      (owner ?? ownCall)?.see(event);
    }
    if (this.#events.takeLost()) for (const watcher of this.#watchers) watcher.lose();
  }
}
