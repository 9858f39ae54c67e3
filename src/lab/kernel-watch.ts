import { TcplabError } from '../error.ts';
import type { LabOpened } from '../evidence/events.ts';
import { BpfEvents } from '../kernel/bpf/bpf-events.ts';
import { isOutOfDescriptors } from '../kernel/files.ts';
import type { KernelSource } from '../kernel/kernel-source.ts';
import { SOURCE_VARIABLE, sourceChoice } from '../kernel/source-choice.ts';
import { TracefsEvents } from '../kernel/tracefs.ts';
import { isOfSocket, type KernelRecord } from '../tcp/kernel-event.ts';
import { Beginnings } from './beginnings.ts';
import { EventOwners, type Watcher } from './event-owners.ts';

/** One watch of the kernel serves all hosts of this process, and gives each what is its own. */
export class KernelWatch {
  static #current: Promise<KernelWatch> | undefined;

  readonly #source: KernelSource | undefined;
  readonly #owners: EventOwners | OwnersByNamespace;
  readonly #callWatchers = new Set<Watcher>();
  /** What came before that has been read (CLOCK_MONOTONIC, nanoseconds). */
  #readNs = process.hrtime.bigint();
  /** Null when kernel events are seen; else why not. */
  readonly unavailable: string | null;
  /** Why the events are not from BPF; null if they are. */
  readonly noBpf: string | null;

  private constructor(opened: OpenedSource) {
    this.#source = opened.source;
    this.unavailable = opened.unavailable;
    this.noBpf = opened.noBpf;
    this.#owners = opened.source?.by === 'bpf' ? new OwnersByNamespace(opened.source) : new EventOwners();
  }

  /**
   * The watch of this process. The first one opens it, and it stays open for the labs that come after; where it can't be
   * opened, the next call tries again.
   */
  static async acquire(): Promise<KernelWatch> {
    KernelWatch.#current ??= openSource().then((opened) => new KernelWatch(opened));
    const current = KernelWatch.#current;
    const forget = () => {
      if (KernelWatch.#current === current) KernelWatch.#current = undefined;
    };
    try {
      const watch = await current;
      if (watch.unavailable !== null) forget();
      return watch;
    } catch (error) {
      forget();
      throw error;
    }
  }

  /** What a timeline has about it. */
  get about(): Pick<LabOpened, 'noKernelEvents' | 'kernelEvents'> {
    if (!this.#source) return { noKernelEvents: this.unavailable };
    const { by, without } = this.#source;
    return { noKernelEvents: null, kernelEvents: { by, noDrops: without.drops, noCalls: without.calls } };
  }

  /** Distinguishes the labs of concurrent processes, if needed. */
  get slot(): number | null {
    return this.#source?.slot ?? null;
  }

  add(watcher: Watcher): void {
    // What is left to read is of those before it: one of them may have had a namespace with the same number.
    this.read();
    this.#owners.add(watcher);
    this.#source?.watch(watcher.namespace);
  }

  remove(watcher: Watcher): void {
    this.#owners.remove(watcher);
    if (this.#callWatchers.delete(watcher) && this.#callWatchers.size === 0) this.#source?.watchCalls(false);
    if (!this.#owners.isWatched(watcher.namespace)) this.#source?.forget(watcher.namespace);
  }

  /** From now on the calls of programs in the watcher's host are seen too. */
  watchCalls(watcher: Watcher): void {
    try {
      if (this.#callWatchers.size === 0) this.#source?.watchCalls(true);
      this.#callWatchers.add(watcher);
    } catch (error) {
      watcher.lose(`the calls of programs can't be seen: ${reasonOf(error)}`);
    }
  }

  /** Gives all that is new away: a host does right after each of its calls that can cause an event, as their `caller`. */
  read(caller?: Watcher): void {
    if (!this.#source) return;
    const beganNs = process.hrtime.bigint();
    for (const record of this.#source.read()) this.#owners.give(record, caller);
    this.#owners.settle();
    const lost = this.#source.takeLost();
    if (lost === 'all' || lost.length > 0) this.#owners.miss(this.#readNs, lost);
    this.#readNs = beganNs;
  }
}

interface OpenedSource {
  source: KernelSource | undefined;
  unavailable: string | null;
  noBpf: string | null;
}

/** By BPF, else by tracefs. */
export async function openSource(): Promise<OpenedSource> {
  const way = sourceChoice();
  if (way === 'none')
    return {
      source: undefined,
      unavailable: `turned off (${SOURCE_VARIABLE})`,
      noBpf: `turned off (${SOURCE_VARIABLE})`,
    };
  let noBpf = `turned off (${SOURCE_VARIABLE})`;
  if (way !== 'tracefs') {
    try {
      return { source: BpfEvents.open(), unavailable: null, noBpf: null };
    } catch (error) {
      noBpf = reasonOf(error);
    }
  }
  if (way === 'bpf') return { source: undefined, unavailable: noBpf, noBpf };
  try {
    return { source: await TracefsEvents.open(), unavailable: null, noBpf };
  } catch (error) {
    return { source: undefined, unavailable: reasonOf(error), noBpf };
  }
}

/** What this machine lacks costs the witness alone. */
function reasonOf(error: unknown): string {
  if (!(error instanceof TcplabError) || isOutOfDescriptors(error)) throw error;
  return error.message;
}

/** Finds a record's host by its namespace. */
class OwnersByNamespace {
  readonly #source: KernelSource;
  readonly #watchers = new Map<number, Watcher[]>();
  readonly #beginnings = new Beginnings();

  constructor(source: KernelSource) {
    this.#source = source;
  }

  add(watcher: Watcher): void {
    this.#watchers.set(watcher.namespace, [...this.#of(watcher.namespace), watcher]);
  }

  remove(watcher: Watcher): void {
    const left = this.#of(watcher.namespace).filter((other) => other !== watcher);
    if (left.length > 0) {
      this.#watchers.set(watcher.namespace, left);
    } else {
      this.#watchers.delete(watcher.namespace);
      this.#beginnings.forget(watcher.namespace);
    }
  }

  isWatched(namespace: number): boolean {
    return this.#watchers.has(namespace);
  }

  give(record: KernelRecord): void {
    if (isOfSocket(record)) {
      if (this.#beginnings.isOne(record)) return;
      const beginning = this.#beginnings.take(record.socket, record);
      if (beginning) this.#show(beginning);
    }
    this.#show(record);
  }

  /** When all is given. Nothing more may be printed of a socket that connects, for as long as it is in SYN-SENT. */
  settle(): void {
    for (const { socket } of this.#beginnings.connecting) {
      const ends = this.#source.connecting(socket);
      const named = ends && ends.local.port !== 0 && this.#beginnings.take(socket, ends);
      if (named) this.#show(named);
    }
  }

  miss(sinceNs: bigint, namespaces: readonly number[] | 'all'): void {
    for (const [namespace, watchers] of this.#watchers) {
      if (namespaces !== 'all' && !namespaces.includes(namespace)) continue;
      // What they wait for may be among what is lost.
      this.#beginnings.forget(namespace);
      for (const watcher of watchers) watcher.miss(sinceNs);
    }
  }

  #show(record: KernelRecord): void {
    for (const watcher of this.#of(record.namespace ?? 0)) watcher.see(record);
  }

  #of(namespace: number): Watcher[] {
    return this.#watchers.get(namespace) ?? [];
  }
}
