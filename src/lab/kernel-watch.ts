import { TcplabError } from '../error.ts';
import { isOutOfDescriptors } from '../kernel/files.ts';
import { KernelEvents } from '../kernel/tracefs.ts';
import { EventOwners, type Watcher } from './event-owners.ts';

/** The kernel traces all its sockets into one ring. One watch serves all hosts of this process, and gives each what is its own. */
export class KernelWatch {
  static #current: Promise<KernelWatch> | undefined;
  static #users = 0;

  readonly #events: KernelEvents | undefined;
  readonly #owners = new EventOwners();
  /** Null when kernel events are seen; else why not. */
  readonly unavailable: string | null;

  private constructor(events: KernelEvents | undefined, unavailable: string | null) {
    this.#events = events;
    this.unavailable = unavailable;
  }

  /** The watch of this process; the first one opens it. Each call wants a `release` of its own. */
  static async acquire(): Promise<KernelWatch> {
    KernelWatch.#users++;
    KernelWatch.#current ??= KernelWatch.#open();
    const current = KernelWatch.#current;
    try {
      return await current;
    } catch (error) {
      KernelWatch.#users--;
      // The next call tries again.
      if (KernelWatch.#current === current) KernelWatch.#current = undefined;
      throw error;
    }
  }

  static async #open(): Promise<KernelWatch> {
    try {
      return new KernelWatch(await KernelEvents.open(), null);
    } catch (error) {
      if (error instanceof TcplabError && !isOutOfDescriptors(error))
        return new KernelWatch(undefined, error.message);
      throw error;
    }
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
    this.#owners.add(watcher);
  }

  remove(watcher: Watcher): void {
    this.#owners.remove(watcher);
  }

  /** Gives all new events away: a host does right after each of its calls that can cause one, as their `caller`. */
  read(caller?: Watcher): void {
    if (!this.#events) return;
    for (const event of this.#events.read()) this.#owners.give(event, caller);
    if (this.#events.takeLost()) this.#owners.lose();
  }
}
