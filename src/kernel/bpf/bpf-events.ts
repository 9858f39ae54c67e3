import { type KernelRecord, SOCKET_EVENTS } from '../../tcp/kernel-event.ts';
import { monotonicOffsetNs } from '../clock.ts';
import { DisposableStack } from '../disposable-stack.ts';
import type { ConnectionEnds, KernelSource } from '../kernel-source.ts';
import { libc, pageSize } from '../libc.ts';
import { withLockedMemory } from '../limits.ts';
import { type Mapping, mapDescriptor } from '../mapping.ts';
import { Btf } from './btf.ts';
import { CALLING_BYTES } from './call-programs.ts';
import { ownNumbering } from './numbering.ts';
import type { Maps, Surroundings } from './program.ts';
import { programFor } from './programs.ts';
import type { RawEventName } from './record.ts';
import { type Answer, QUESTION, RecordReader } from './records.ts';
import { Ring } from './ring.ts';
import {
  attach,
  createMap,
  deleteFromMap,
  loadProgram,
  lookUp,
  recursionMisses,
  runProgram,
  updateMap,
} from './syscall.ts';

const RING_BYTES = 4 * 1024 * 1024;
/** Of all maps and programs of several tcplabs. */
const LOCKED_BYTES = 64 * 1024 * 1024;
/** Namespaces that are watched at once, and threads that are in a call. */
const MOST = { namespaces: 16_384, threads: 16_384 };

const OF_CALLS: readonly RawEventName[] = ['sys_exit', 'sys_enter', 'sched_process_exit'];

/** A tracepoint of calls, its program, and the descriptor by which that is attached. */
interface TracedCall {
  event: RawEventName;
  program: number;
  link: number | undefined;
}

/**
 * The kernel's words by BPF programs on raw tracepoints (Linux 5.10). Nothing of it is in any file system: the kernel removes
 * programs and maps with the last descriptor, however this process ends.
 */
export class BpfEvents implements KernelSource {
  readonly by = 'bpf';
  readonly slot = null;
  readonly without: { drops: string | null; calls: string | null };
  readonly #surroundings: Surroundings;
  readonly #ring: Ring;
  readonly #maps: Maps;
  readonly #reader: RecordReader;
  readonly #descriptors: DisposableStack;
  /** The program that is run to ask for a socket's ports. */
  readonly #asked: number;
  #calls: TracedCall[] = [];
  readonly #totalLost: Mapping;
  #knownLost = 0n;
  /** Of the programs that witnesses rest on. */
  readonly #misses: readonly (() => bigint)[];
  #knownMisses = 0n;
  readonly #lost = new Map<number, bigint>();
  #records: KernelRecord[] = [];
  #isOpen = true;

  private constructor(parts: {
    surroundings: Surroundings;
    ring: Ring;
    asked: number;
    totalLost: Mapping;
    misses: readonly (() => bigint)[];
    descriptors: DisposableStack;
    without: { drops: string | null; calls: string | null };
  }) {
    this.#surroundings = parts.surroundings;
    this.#ring = parts.ring;
    this.#maps = parts.surroundings.maps;
    this.#asked = parts.asked;
    this.#totalLost = parts.totalLost;
    this.#misses = parts.misses;
    this.#descriptors = parts.descriptors;
    this.without = parts.without;
    this.#reader = new RecordReader(dropReasons(parts.surroundings.btf), monotonicOffsetNs());
  }

  /**
   * Throws a TcplabError with code MACHINE that says why there is no BPF here. Takes some milliseconds. `ringBytes`: how much
   * it holds that has not been read, a power of two and of whole pages.
   */
  static open({ ringBytes = RING_BYTES }: { ringBytes?: number } = {}): BpfEvents {
    return withLockedMemory(LOCKED_BYTES, () => BpfEvents.#open(ringBytes));
  }

  static #open(ringBytes: number): BpfEvents {
    using undo = new DisposableStack();
    const descriptor = (fd: number) => {
      undo.defer(() => libc.close(fd));
      return fd;
    };
    const ring = new Ring(ringBytes);
    undo.defer(() => ring.close());
    const maps: Maps = {
      ring: ring.fd,
      namespaces: descriptor(createMap('spaces', 'hash', { key: 4, value: 8, entries: MOST.namespaces })),
      calling: descriptor(
        createMap('calling', 'lruHash', { key: 8, value: CALLING_BYTES, entries: MOST.threads }),
      ),
      lost: descriptor(createMap('lost', 'mappedArray', { key: 4, value: 8, entries: 1 })),
    };
    const totalLost = mapDescriptor(maps.lost, {
      length: pageSize(),
      shared: true,
      what: 'count of lost records',
    });
    undo.defer(() => totalLost.unmap());
    // After the maps: who may not have these need not read what comes now.
    const btf = Btf.running();
    const surroundings = { btf, maps, numbering: ownNumbering(btf) };
    const load = (event: RawEventName) => descriptor(loadProgram(event, programFor(event, surroundings)));
    let asked = -1;
    for (const event of SOCKET_EVENTS) {
      // An older kernel may lack one; without the state changes there is no witness.
      if (!btf.hasTracepoint(event) && event !== 'inet_sock_set_state') continue;
      const program = load(event);
      if (event === 'inet_sock_set_state') asked = program;
      descriptor(attach(event, program));
    }
    const hasReasons = (btf.argumentCount('kfree_skb') ?? 0) >= 3;
    const drops = hasReasons ? [load('kfree_skb')] : [];
    for (const program of drops) descriptor(attach('kfree_skb', program));
    const without = {
      drops: whyNotAllDrops(btf),
      calls: OF_CALLS.every((event) => btf.hasTracepoint(event)) ? null : 'this kernel does not trace calls',
    };
    const misses = [asked, ...drops].map(recursionMisses);
    return new BpfEvents({ surroundings, ring, asked, totalLost, misses, descriptors: undo.move(), without });
  }

  watch(namespace: number): void {
    if (this.#lost.has(namespace)) return;
    updateMap(this.#maps.namespaces, key(namespace), Buffer.alloc(8));
    this.#lost.set(namespace, 0n);
  }

  forget(namespace: number): void {
    if (this.#lost.delete(namespace)) deleteFromMap(this.#maps.namespaces, key(namespace));
  }

  /** Attached only while needed: every system call on the machine runs such a program. */
  watchCalls(wanted: boolean): void {
    if (this.without.calls !== null) return;
    if (wanted && this.#calls.length === 0)
      this.#calls = withLockedMemory(LOCKED_BYTES, () => this.#loadCalls());
    try {
      if (wanted) for (const call of this.#calls) call.link ??= attach(call.event, call.program);
      else this.#detachCalls();
    } catch (error) {
      this.#detachCalls();
      throw error;
    }
  }

  #detachCalls(): void {
    for (const call of this.#calls) {
      if (call.link !== undefined) libc.close(call.link);
      call.link = undefined;
    }
  }

  read(): KernelRecord[] {
    this.#drain();
    const records = this.#records;
    this.#records = [];
    return records.sort((a, b) => (a.atNs < b.atNs ? -1 : a.atNs > b.atNs ? 1 : 0));
  }

  takeLost(): number[] | 'all' {
    // Once it is closed there is no memory behind it, and no program.
    if (!this.#isOpen) return [];
    const misses = this.#misses.reduce((sum, missesOf) => sum + missesOf(), 0n);
    if (this.#ring.isBehind || misses !== this.#knownMisses) {
      this.#knownMisses = misses;
      return 'all';
    }
    const total = this.#totalLost.bytes.readBigUInt64LE(0);
    if (total === this.#knownLost) return [];
    this.#knownLost = total;
    const value = Buffer.alloc(8);
    return [...this.#lost].flatMap(([namespace, before]) => {
      lookUp(this.#maps.namespaces, key(namespace), value);
      const lost = value.readBigUInt64LE(0);
      this.#lost.set(namespace, lost);
      return lost === before ? [] : namespace;
    });
  }

  connecting(socket: bigint): ConnectionEnds | undefined {
    if (!this.#isOpen) return undefined;
    runProgram(this.#asked, [socket, QUESTION, QUESTION]);
    const answer = this.#drain();
    return answer?.socket === socket && answer.state === 'SYN-SENT' ? answer : undefined;
  }

  #loadCalls(): TracedCall[] {
    using undo = new DisposableStack();
    const loaded = OF_CALLS.map((event): TracedCall => {
      const program = loadProgram(event, programFor(event, this.#surroundings));
      undo.defer(() => libc.close(program));
      return { event, program, link: undefined };
    });
    undo.move();
    return loaded;
  }

  /** Takes all that is in the ring. Gives the answer to a question, if it is among that. */
  #drain(): Answer | undefined {
    let answer: Answer | undefined;
    if (!this.#isOpen) return answer;
    this.#ring.read((bytes) => {
      const record = this.#reader.read(bytes);
      if (record?.name === 'answer') answer = record;
      else if (record) this.#records.push(record);
    });
    return answer;
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    this.#lost.clear();
    this.#detachCalls();
    for (const { program } of this.#calls.splice(0)) libc.close(program);
    this.#descriptors[Symbol.dispose]();
  }
}

function key(namespace: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(namespace);
  return bytes;
}

/** The third argument is the reason, the fourth the socket that the packet was for. */
function whyNotAllDrops(btf: Btf): string | null {
  const args = btf.argumentCount('kfree_skb') ?? 0;
  if (args < 3) return 'this kernel does not say why it drops a packet (Linux 5.17)';
  return args < 4 ? 'this kernel does not say whose packets it drops in some queues (Linux 6.11)' : null;
}

/** Without the prefix that all have. */
function dropReasons(btf: Btf): Map<number, string> {
  const names = btf.enumerators('skb_drop_reason');
  return new Map([...names].map(([number, name]) => [number, name.replace(/^SKB_(?:DROP_REASON_)?/, '')]));
}
