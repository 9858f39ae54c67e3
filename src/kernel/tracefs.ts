import { closeSync, existsSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { SystemError, TcplabError } from '../error.ts';
import type { KernelEvent, KernelEventName } from '../tcp/kernel-event.ts';
import { monotonicNs, monotonicOffsetNs } from './clock.ts';
import { DisposableStack } from './disposable-stack.ts';
import { isOutOfDescriptors, withSystemErrors } from './files.ts';
import type { KernelSource } from './kernel-source.ts';
import { libc, pageSize } from './libc.ts';
import { Decoder, eventId } from './trace-format.ts';
import { TraceInstance } from './trace-instance.ts';
import { hasMissed, readPage, startOfPage } from './trace-page.ts';

// Documentation/trace/ftrace.rst; the fields of an event are read from its `format` file.
const EVENTS: Record<KernelEventName, string> = {
  inet_sock_set_state: 'sock',
  tcp_retransmit_skb: 'tcp',
  tcp_retransmit_synack: 'tcp',
  tcp_send_reset: 'tcp',
  tcp_receive_reset: 'tcp',
  tcp_destroy_sock: 'tcp',
};

/** What a read of a ring gives at most: a page (Documentation/trace/ring-buffer-map.rst). */
const PAGE = pageSize();
const O_NONBLOCK = 0o4000;

/** The name of the event that a write to trace_marker makes. */
const MARKER = 'print';

/** Where every record has the number of the thread that ran. */
const COMMON_PID = 4;

const WITHOUT = 'seen by BPF alone';

/**
 * The kernel's own words on its TCP sockets, of all namespaces: an instance of tracefs with a ring of its own, for kernels
 * without BPF. Only root of the machine may open one.
 */
export class TracefsEvents implements KernelSource {
  readonly by = 'tracefs';
  readonly without: KernelSource['without'] = { drops: WITHOUT, calls: WITHOUT };
  readonly #instance: TraceInstance;
  readonly #rings: number[];
  readonly #decoders: Map<number, Decoder>;
  readonly #page = Buffer.alloc(PAGE);
  readonly #clockOffsetNs = monotonicOffsetNs();
  readonly #marked: number;
  #ownPid = process.pid;
  #lost = false;

  private constructor(parts: {
    instance: TraceInstance;
    rings: number[];
    decoders: Map<number, Decoder>;
    marked: number;
  }) {
    this.#instance = parts.instance;
    this.#rings = parts.rings;
    this.#decoders = parts.decoders;
    this.#marked = parts.marked;
  }

  /** Throws a TcplabError with code MACHINE and why there are no kernel events here. Takes about 50 ms. */
  static async open(): Promise<TracefsEvents> {
    const rings: number[] = [];
    const letGo = () => {
      for (const ring of rings.splice(0)) closeSync(ring);
    };
    return ofThisMachine(() => {
      using undo = new DisposableStack();
      const instance = TraceInstance.create(letGo);
      undo.defer(() => instance.remove());
      undo.defer(letGo);
      const { directory } = instance;
      writeFileSync(`${directory}/trace_clock`, 'mono');
      const { decoders, marked } = enableEvents(directory);
      for (const cpu of readdirSync(`${directory}/per_cpu`)) {
        rings.push(openSync(`${directory}/per_cpu/${cpu}/trace_pipe_raw`, O_NONBLOCK));
      }
      writeFileSync(`${directory}/trace_marker`, 'tcplab');
      undo.move();
      const events = new TracefsEvents({ instance, rings, decoders, marked });
      events.read();
      return events;
    });
  }

  get slot(): number {
    return this.#instance.slot;
  }

  /** Its events are of all namespaces, without the namespace's name. */
  watch(): void {}

  forget(): void {}

  watchCalls(): void {}

  connecting(): undefined {}

  read(): KernelEvent[] {
    const calledNs = monotonicNs();
    const events = this.#rings.flatMap((ring) => this.#readRing(ring, calledNs));
    return events.sort((a, b) => (a.atNs < b.atNs ? -1 : a.atNs > b.atNs ? 1 : 0));
  }

  takeLost(): readonly number[] | 'all' {
    const lost = this.#lost;
    this.#lost = false;
    return lost ? 'all' : [];
  }

  /** Takes some 40 ms in the kernel, but not of this thread. */
  async close(): Promise<void> {
    for (const ring of this.#rings.splice(0)) closeSync(ring);
    await this.#instance.close();
  }

  /** A busy machine writes as fast as this reads: events that are later than the call are left for the next call. */
  #readRing(ring: number, calledNs: bigint): KernelEvent[] {
    const events: KernelEvent[] = [];
    for (;;) {
      const length = Number(libc.read(ring, this.#page, PAGE));
      if (length <= 0) return events;
      if (hasMissed(this.#page)) this.#lost = true;
      readPage(this.#page, (record, atNs) => {
        const event = this.#decode(record, atNs);
        if (event) events.push(event);
      });
      if (startOfPage(this.#page) + this.#clockOffsetNs > calledNs) return events;
    }
  }

  /** Numbers of processes are those of the machine's first PID namespace: a mark that this process made tells its own. */
  #decode(record: Buffer, atNs: bigint): KernelEvent | undefined {
    const id = record.readUInt16LE(0);
    const pid = record.readInt32LE(COMMON_PID);
    if (id === this.#marked) this.#ownPid = pid;
    const numbered = pid === this.#ownPid ? process.pid : pid;
    return this.#decoders.get(id)?.decode(record, atNs + this.#clockOffsetNs, numbered);
  }
}

/**
 * Switches the events on. Gives for each what reads its records, by the number that they carry. At one go: a file of the
 * instance that a signal leaves open would keep it from being removed.
 */
function enableEvents(directory: string): { decoders: Map<number, Decoder>; marked: number } {
  const decoders = new Map<number, Decoder>();
  for (const [name, system] of Object.entries(EVENTS)) {
    const event = `${directory}/events/${system}/${name}`;
    // An older kernel may lack one; without the state changes there is no witness.
    if (!existsSync(event) && name !== 'inet_sock_set_state') continue;
    const decoder = new Decoder(name as KernelEventName, readFileSync(`${event}/format`, 'utf8'));
    decoders.set(decoder.id, decoder);
    writeFileSync(`${event}/enable`, '1');
  }
  const marker = readFileSync(`${directory}/events/ftrace/${MARKER}/format`, 'utf8');
  return { decoders, marked: eventId(marker) };
}

/** Whatever the files of tracefs refuse, this machine lacks: it costs the witness, and nothing else. */
function ofThisMachine<T>(work: () => T): T {
  try {
    return withSystemErrors('kernel events', work);
  } catch (error) {
    if (!(error instanceof SystemError) || isOutOfDescriptors(error)) throw error;
    throw new TcplabError('MACHINE', `tracefs: ${error.message}`, { cause: error });
  }
}
