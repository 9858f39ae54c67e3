import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { SystemError, TcplabError } from '../error.ts';
import { addressText, type Endpoint } from '../tcp/endpoint.ts';
import type { KernelEvent, KernelEventName } from '../tcp/kernel-event.ts';
import { stateOfLinux } from '../tcp/state.ts';
import { monotonicNs, monotonicOffsetNs } from './clock.ts';
import { DisposableStack } from './disposable-stack.ts';
import { isOutOfDescriptors, withSystemErrors } from './files.ts';
import type { KernelSource } from './kernel-source.ts';
import { check, lastErrno, libc, systemError } from './libc.ts';
import { afterwards, ownName, processStartTime } from './process.ts';

// Documentation/trace/ftrace.rst; the fields of an event are read from its `format` file.
const EVENTS: Record<KernelEventName, string> = {
  inet_sock_set_state: 'sock',
  tcp_retransmit_skb: 'tcp',
  tcp_retransmit_synack: 'tcp',
  tcp_send_reset: 'tcp',
  tcp_receive_reset: 'tcp',
  tcp_destroy_sock: 'tcp',
};

const PREFIX = 'tcplab-';
const PAGE = 4096;
const PAGE_HEADER = 16;
const AF_INET6 = 10;

/** The name of the event that a write to trace_marker makes. */
const MARKER = 'print';

/**
 * The kernel's own words on its TCP sockets, of all namespaces: an instance of tracefs with a ring of its own, for kernels
 * without BPF. Only root of the machine may open one.
 */
export class TracefsEvents implements KernelSource {
  readonly by = 'tracefs';
  readonly without: KernelSource['without'] = { drops: WITHOUT, calls: WITHOUT };
  readonly slot: number;
  readonly #root: number;
  readonly #directory: string;
  readonly #rings: number[];
  readonly #decoders: Map<number, Decoder>;
  readonly #forgetInstance: () => void;
  readonly #page = Buffer.alloc(PAGE);
  readonly #clockOffsetNs = monotonicOffsetNs();
  readonly #marked: number;
  #ownPid = process.pid;
  #lost = false;

  private constructor(parts: {
    root: number;
    slot: number;
    directory: string;
    rings: number[];
    decoders: Map<number, Decoder>;
    marked: number;
    forgetInstance: () => void;
  }) {
    this.#root = parts.root;
    this.slot = parts.slot;
    this.#directory = parts.directory;
    this.#rings = parts.rings;
    this.#decoders = parts.decoders;
    this.#marked = parts.marked;
    this.#forgetInstance = parts.forgetInstance;
  }

  /** Throws a TcplabError with code MACHINE that says why there are no kernel events here. Takes some 50 ms. */
  static async open(): Promise<TracefsEvents> {
    using undo = new DisposableStack();
    const root = mountTracefs();
    undo.defer(() => closeSync(root));
    const rings: number[] = [];
    return ofThisMachine(() => {
      const instances = `/proc/self/fd/${root}/instances`;
      const slot = claimSlot(instances);
      const name = instanceName(slot);
      const directory = `${instances}/${name}`;
      // The instance is the machine's, and would outlive the process: a signal may end that without notice.
      const dismiss = afterwards(REMOVE, [`/proc/self/fd/3/instances/${name}`], [root]);
      const removeAtExit = () => {
        for (const ring of rings.splice(0)) closeSync(ring);
        removeIfThere(directory);
      };
      process.once('exit', removeAtExit);
      const forgetInstance = () => {
        process.off('exit', removeAtExit);
        dismiss();
      };
      undo.defer(forgetInstance);
      undo.defer(removeAtExit);
      writeFileSync(`${directory}/trace_clock`, 'mono');
      const { decoders, marked } = enableEvents(directory);
      const O_NONBLOCK = 0o4000;
      for (const cpu of readdirSync(`${directory}/per_cpu`)) {
        rings.push(openSync(`${directory}/per_cpu/${cpu}/trace_pipe_raw`, O_NONBLOCK));
      }
      writeFileSync(`${directory}/trace_marker`, 'tcplab');
      undo.move();
      const events = new TracefsEvents({ root, slot, directory, rings, decoders, marked, forgetInstance });
      events.read();
      return events;
    });
  }

  /** What it reports is of all namespaces, and does not say of which. */
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
    using undo = new DisposableStack();
    undo.defer(() => closeSync(this.#root));
    undo.defer(this.#forgetInstance);
    for (const ring of this.#rings.splice(0)) closeSync(ring);
    await rmdir(this.#directory).catch(unlessGone);
  }

  /** A machine may have more to tell than can be read meanwhile: what comes after the call is for the next. */
  #readRing(ring: number, calledNs: bigint): KernelEvent[] {
    const events: KernelEvent[] = [];
    for (;;) {
      const length = Number(libc.read(ring, this.#page, PAGE));
      if (length <= 0) return events;
      this.#parsePage(events);
      if (this.#page.readBigUInt64LE(0) + this.#clockOffsetNs > calledNs) return events;
    }
  }

  /** struct buffer_data_page and the records in it (kernel/trace/ring_buffer.c). */
  #parsePage(events: KernelEvent[]): void {
    const page = this.#page;
    let atNs = page.readBigUInt64LE(0);
    const commit = page.readUInt32LE(8);
    const MISSED = 1 << 31;
    if (commit & MISSED) this.#lost = true;
    const end = PAGE_HEADER + (commit & 0x0fffffff);
    let offset = PAGE_HEADER;
    while (offset + 4 <= end) {
      const header = page.readUInt32LE(offset);
      const kind = header & 0x1f;
      const delta = BigInt(header >>> 5);
      offset += 4;
      if (kind === PADDING) {
        if (delta === 0n) return;
        offset += page.readUInt32LE(offset);
      } else if (kind === TIME_EXTEND) {
        atNs += delta + (BigInt(page.readUInt32LE(offset)) << 27n);
        offset += 4;
      } else if (kind === TIME_STAMP) {
        atNs = delta + (BigInt(page.readUInt32LE(offset)) << 27n);
        offset += 4;
      } else {
        atNs += delta;
        // Zero: the first word of the data holds the length, its own included.
        const length = kind === 0 ? page.readUInt32LE(offset) : kind * 4;
        const record = page.subarray(kind === 0 ? offset + 4 : offset, offset + length);
        const event = this.#decode(record, atNs);
        if (event) events.push(event);
        offset += length;
      }
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

const WITHOUT = 'seen by BPF alone';

/** Where every record has the number of the thread that ran (Documentation/trace/ftrace.rst). */
const COMMON_PID = 4;

/** Until the last descriptor of the process that is gone is closed, the instance is busy. */
const REMOVE =
  'tries=0; until rmdir "$0" || [ ! -d "$0" ] || [ $((tries += 1)) -gt 1000 ]; do sleep 0.01; done';

const PADDING = 29;
const TIME_EXTEND = 30;
const TIME_STAMP = 31;

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

function eventId(format: string): number {
  return Number(/^ID: (\d+)/m.exec(format)?.[1]);
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

function removeIfThere(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Somebody was quicker; what is still there, the next start removes.
  }
}

function unlessGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

/** A mount of tracefs that only this descriptor reaches: the machine's mounts stay as they are. */
function mountTracefs(): number {
  const SYS_FSOPEN = 430;
  const SYS_FSCONFIG = 431;
  const SYS_FSMOUNT = 432;
  const [CLOEXEC, FSCONFIG_CMD_CREATE] = [1, 6];
  const context = Number(libc.fsopen(SYS_FSOPEN, 'tracefs', CLOEXEC));
  if (context < 0) throw noTracefs(lastErrno());
  try {
    if (Number(libc.fsconfig(SYS_FSCONFIG, context, FSCONFIG_CMD_CREATE, null, null, 0)) < 0)
      throw noTracefs(lastErrno());
    return check(Number(libc.fsmount(SYS_FSMOUNT, context, CLOEXEC, 0)), 'fsmount', 'tracefs');
  } finally {
    closeSync(context);
  }
}

function noTracefs(errno: string): TcplabError {
  if (errno === 'EMFILE' || errno === 'ENFILE') return systemError('fsopen', errno, 'tracefs');
  const why = errno === 'EPERM' ? 'kernel events need root' : `tracefs can't be mounted: ${errno}`;
  return new TcplabError('MACHINE', why);
}

/** What the names of the instances of this process begin with: `tcplab-PIDNAMESPACE-PID-STARTTIME-`. */
export function ownInstances(): string {
  const { numberedIn, pid, startTime } = ownName();
  return `${PREFIX}${numberedIn}-${pid}-${startTime}-`;
}

/** The instances whose names begin so. Where tracefs can't be had there are none. */
export function findInstances(beginning: string): string[] {
  return (
    withInstances((instances) => readdirSync(instances).filter((name) => name.startsWith(beginning))) ?? []
  );
}

/** Throws while somebody has one of them open. */
export function removeInstances(beginning: string): void {
  withInstances((instances) => {
    for (const name of readdirSync(instances)) {
      if (name.startsWith(beginning)) rmdirSync(`${instances}/${name}`);
    }
  });
}

function withInstances<T>(work: (instances: string) => T): T | undefined {
  let root: number;
  try {
    root = mountTracefs();
  } catch (error) {
    if (error instanceof TcplabError) return undefined;
    throw error;
  }
  try {
    return work(`/proc/self/fd/${root}/instances`);
  } finally {
    closeSync(root);
  }
}

function instanceName(slot: number): string {
  return `${ownInstances()}${slot}`;
}

/** Makes an instance under the lowest number that no living process has. Of two that take the same, one tries again. */
function claimSlot(instances: string): number {
  for (let tries = 1; ; tries++) {
    const taken = livingInstances(instances).map(({ slot }) => slot);
    const free = Array.from({ length: taken.length + tries }, (_, number) => number).filter(
      (number) => !taken.includes(number),
    );
    const slot = free[Math.floor(Math.random() * tries)] ?? 0;
    const name = instanceName(slot);
    try {
      mkdirSync(`${instances}/${name}`);
    } catch (error) {
      throw new TcplabError('MACHINE', `tracefs refuses an instance: ${(error as Error).message}`);
    }
    // Who sees another with the same number leaves it, and tries one of some more: who came first may have it already.
    const rivals = livingInstances(instances).filter((other) => other.slot === slot && other.name !== name);
    if (rivals.length === 0) return slot;
    rmdirSync(`${instances}/${name}`);
  }
}

/**
 * An instance outlives its process where even the guard was killed: then it is removed. Who is of another PID namespace can't
 * be looked up, so its instances stay.
 */
function livingInstances(instances: string): { name: string; slot: number }[] {
  const here = ownName().numberedIn;
  return readdirSync(instances).flatMap((name) => {
    const [, numberedIn, pid, startTime, slot] = /^tcplab-(\d+)-(\d+)-(\d+)-(\d+)$/.exec(name) ?? [];
    if (slot === undefined) return [];
    const isOver = numberedIn === here && processStartTime(Number(pid)) !== startTime;
    if (isOver) removeIfThere(`${instances}/${name}`);
    return isOver ? [] : [{ name, slot: Number(slot) }];
  });
}

/** Where an event's `format` file says its fields are. */
class Decoder {
  readonly id: number;
  readonly #name: KernelEventName;
  readonly #offsets = new Map<string, number>();

  constructor(name: KernelEventName, format: string) {
    this.#name = name;
    this.id = eventId(format);
    for (const [, field, offset] of format.matchAll(/field:[^;]*?(\w+)(?:\[\d+\])?;\s+offset:(\d+);/g)) {
      this.#offsets.set(field ?? '', Number(offset));
    }
  }

  decode(record: Buffer, atNs: bigint, pid: number): KernelEvent | undefined {
    const traced = {
      atNs,
      pid,
      namespace: null,
      socket: record.readBigUInt64LE(this.#at('skaddr')),
      local: this.#endpoint(record, 'saddr', 'sport'),
      remote: this.#endpoint(record, 'daddr', 'dport'),
    };
    const name = this.#name;
    if (name !== 'inet_sock_set_state') return { name, ...traced };
    if (record.readUInt16LE(this.#at('protocol')) !== IPPROTO_TCP) return undefined;
    const from = stateOfLinux(record.readInt32LE(this.#at('oldstate')));
    const to = stateOfLinux(record.readInt32LE(this.#at('newstate')));
    return { name, ...traced, from, to };
  }

  #at(field: string): number {
    const offset = this.#offsets.get(field);
    if (offset === undefined)
      throw new TcplabError('MACHINE', `this kernel's ${this.#name} has no field ${field}`);
    return offset;
  }

  #endpoint(record: Buffer, address: string, port: string): Endpoint {
    const at = this.#at(address);
    // tcp_send_reset holds whole socket addresses (struct sockaddr_in6).
    if (!this.#offsets.has(port)) {
      const v6 = record.readUInt16LE(at) === AF_INET6;
      const bytes = v6 ? record.subarray(at + 8, at + 24) : record.subarray(at + 4, at + 8);
      return { address: addressText(bytes), port: record.readUInt16BE(at + 2) };
    }
    const v6 = record.readUInt16LE(this.#at('family')) === AF_INET6;
    const from = v6 ? this.#at(`${address}_v6`) : at;
    return {
      address: addressText(record.subarray(from, from + (v6 ? 16 : 4))),
      port: record.readUInt16LE(this.#at(port)),
    };
  }
}

const IPPROTO_TCP = 6;
