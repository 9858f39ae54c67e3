import type { HostName, TimelineEvent } from '../evidence/events.ts';
import type { NetworkNamespace } from '../kernel/namespace.ts';
import { networkOf, processesWith } from '../kernel/process.ts';
import type { Endpoint } from '../tcp/endpoint.ts';
import type {
  KernelDrop,
  KernelEvent,
  KernelRecord,
  ProcessExit,
  ProgramCall,
  ProgramReturn,
} from '../tcp/kernel-event.ts';
import { decodePacket, headersOf, identityOf } from '../tcp/segment.ts';
import type { PortBlock } from './client-ports.ts';
import type { Watcher } from './event-owners.ts';
import type { Leg } from './leg.ts';
import type { SharedMachine } from './shared-machine.ts';

interface Options {
  name: HostName;
  address: string;
  namespace: NetworkNamespace;
  clientPorts: PortBlock;
  shared?: SharedMachine;
  leg?: Leg;
  /** From CLOCK_MONOTONIC, nanoseconds, to milliseconds on the timeline. */
  toMs: (ns: bigint) => number;
  nowMs: () => number;
  emit: (event: TimelineEvent) => void;
}

/** The kernel events of one host. */
export class HostKernelEvents implements Watcher {
  readonly namespace: number;
  readonly #options: Options;
  /** The calls that have not returned, by their thread. */
  readonly #calling = new Map<number, ProgramCall>();
  /** The threads whose last accept() failed for want of descriptors: a loop does that a hundred thousand times a second. */
  readonly #withoutDescriptors = new Set<number>();
  /** The processes that made calls here: the exit of others does not affect a connection. */
  readonly #callers = new Set<number>();
  /** Its sockets by the kernel's address of them, in the order in which they were first named. */
  readonly #sockets = new Map<bigint, number>();
  #lastSocket = 0;
  /** Drops by a firewall. The packet log shows, once it is read, whether a rule of the lab did it. */
  #undecided: KernelDrop[] = [];
  #loggedNs = 0n;
  onlyPort: number | undefined;

  constructor(options: Options) {
    this.#options = options;
    this.namespace = options.namespace.inode;
  }

  owns({ local, remote }: KernelEvent): boolean {
    const { name, address, clientPorts } = this.#options;
    const client = name === 'client' ? local : remote;
    if (!this.#mayJoin(local, remote)) return false;
    return local.address === address && client.port >= clientPorts.first && client.port <= clientPorts.last;
  }

  runs(pid: number): boolean {
    const { namespace, shared } = this.#options;
    if (pid === process.pid) return true;
    return shared ? processesWith(shared.mark, [pid]).length > 0 : networkOf(pid) === namespace.name;
  }

  see(record: KernelRecord): void {
    switch (record.name) {
      case 'kfree_skb':
        this.#seeDrop(record);
        break;
      case 'sys_enter':
        this.#seeCall(record);
        break;
      case 'sys_exit':
        this.#seeReturn(record);
        break;
      case 'sched_process_exit':
        this.#seeExit(record);
        break;
      default:
        this.#seeEvent(record);
    }
  }

  lose(what: string): void {
    const { name: host, nowMs, emit } = this.#options;
    emit({ type: 'lost', atMs: nowMs(), witness: 'kernel-events', host, what });
  }

  /** What the kernel dropped may be among that, so packets are affected too. */
  miss(sinceNs: bigint): void {
    const { name: host, toMs, nowMs, emit } = this.#options;
    const [atMs, sinceMs] = [nowMs(), Math.max(0, toMs(sinceNs))];
    for (const witness of ['kernel-events', 'packets'] as const)
      emit({ type: 'lost', atMs, sinceMs, witness, host, what: INCOMPLETE });
  }

  /** When the kernel dropped a packet that a rule has logged, if reported so far (CLOCK_MONOTONIC, nanoseconds). */
  droppedAtNs(packet: Buffer): bigint | undefined {
    const identity = identityOf(headersOf(packet) ?? packet);
    return this.#undecided.find((drop) => identityOf(headersOf(drop.packet) ?? drop.packet) === identity)
      ?.atNs;
  }

  /** What rules have logged is on the timeline up to then (CLOCK_MONOTONIC, nanoseconds). */
  knowLogs(untilNs: bigint): void {
    this.#loggedNs = untilNs;
    for (const drop of this.#undecided.splice(0)) this.#seeDrop(drop);
  }

  #seeEvent(event: KernelEvent): void {
    const { name: host, toMs, emit } = this.#options;
    const { atNs, pid, namespace, name, local, remote } = event;
    if (!this.#mayJoin(local, remote)) return;
    const change = event.name === 'inet_sock_set_state' ? { from: event.from, to: event.to } : null;
    // Elsewhere the number is of another PID namespace, perhaps.
    const ran = namespace === null ? {} : { pid };
    const which = event.socket === 0n ? {} : { kernelSocket: this.#numberOf(event.socket) };
    emit({ type: 'kernel', atMs: toMs(atNs), host, name, local, remote, change, ...ran, ...which });
    // Another socket may get its address.
    if (name === 'tcp_destroy_sock') this.#sockets.delete(event.socket);
  }

  /** Whether a connection with these ends may be the lab's. */
  #mayJoin(local: Endpoint, remote: Endpoint): boolean {
    const { shared, leg } = this.#options;
    return (shared ?? leg)?.joins(local, remote) ?? true;
  }

  #numberOf(socket: bigint): number {
    const number = this.#sockets.get(socket) ?? ++this.#lastSocket;
    this.#sockets.set(socket, number);
    return number;
  }

  #seeDrop(drop: KernelDrop): void {
    const { atNs, reason, packet } = drop;
    if (reason === 'NETFILTER_DROP' && atNs >= this.#loggedNs) {
      this.#undecided.push(drop);
      return;
    }
    const { name: host, address, leg, shared = leg, toMs, emit } = this.#options;
    const headers = headersOf(packet);
    const wire = headers && decodePacket(headers);
    if (!wire || (shared && !shared.concerns(wire))) return;
    const [source, destination] =
      wire.kind === 'tcp'
        ? [wire.segment.source.address, wire.segment.destination.address]
        : [wire.error.source, wire.error.destination];
    // What a host sends to itself, it drops as what arrives.
    const direction = source === address && destination !== address ? 'sent' : 'received';
    const bytes = headers.toString('base64');
    emit({ type: 'kernel-dropped', atMs: toMs(atNs), host, reason, direction, wire, bytes });
  }

  #seeCall(called: ProgramCall): void {
    const { shared } = this.#options;
    const { pid, thread, call, local, remote } = called;
    if (this.#options.leg && !this.#mayJoin(local, remote)) return;
    // The owner of a process that has exited can no longer be read.
    if (shared && !this.#callers.has(pid) && !this.runs(pid)) return;
    this.#calling.set(thread, called);
    this.#callers.add(pid);
    if (!this.#isWithheld(call, thread)) this.#emitCall(called);
  }

  #emitCall({ atNs, pid, thread, comm, call, fd, detail, local, remote }: ProgramCall): void {
    const { name: host, toMs, emit } = this.#options;
    const who = { host, pid, thread, name: comm };
    emit({ type: 'program-call', atMs: toMs(atNs), ...who, call, fd, detail, local, remote });
  }

  /** Until its return shows that it does not fail as the one before. */
  #isWithheld(call: string, thread: number): boolean {
    return call.startsWith('accept') && this.#withoutDescriptors.has(thread);
  }

  #seeReturn(returned: ProgramReturn): void {
    const { name: host, toMs, emit } = this.#options;
    const { atNs, pid, thread, comm, call, result } = returned;
    const called = this.#calling.get(thread);
    if (called?.call !== call) return;
    this.#calling.delete(thread);
    const isWithheld = this.#isWithheld(call, thread);
    const isFailure = result === 'EMFILE' || result === 'ENFILE';
    if (isWithheld && isFailure) return;
    if (isWithheld) this.#emitCall(called);
    if (isFailure) this.#withoutDescriptors.add(thread);
    else this.#withoutDescriptors.delete(thread);
    const who = { host, pid, thread, name: comm };
    const tookMs = Number(atNs - called.atNs) / 1e6;
    // What was closed has no ends any more.
    const { local, remote } = call === 'close' ? called : returned;
    emit({
      type: 'program-return',
      atMs: toMs(atNs),
      ...who,
      call,
      fd: called.fd,
      result,
      tookMs,
      local,
      remote,
    });
  }

  #seeExit({ atNs, pid, comm, status }: ProcessExit): void {
    const { name: host, toMs, emit } = this.#options;
    if (!this.#callers.delete(pid)) return;
    emit({ type: 'process-exited', atMs: toMs(atNs), host, pid, name: comm, status });
  }
}

const INCOMPLETE =
  'the kernel did not record every event: the ring was full, or an interrupt came as it wrote one';
