import type { ChildProcess } from 'node:child_process';
import type { HostName } from '../evidence/events.ts';
import { monotonicNs } from '../kernel/clock.ts';
import { type CounterTexts, countedSince, readCounters } from '../kernel/counters.ts';
import { DisposableStack } from '../kernel/disposable-stack.ts';
import { followInto, isFollowedInto, stopFollowingInto, untilCloseEmitted } from '../kernel/follow.ts';
import type { NetworkNamespace } from '../kernel/namespace.ts';
import { SocketTable } from '../kernel/sock-diag.ts';
import * as kernel from '../kernel/socket.ts';
import { readSysctl, writeSysctl } from '../kernel/sysctl.ts';
import { encodeIcmp, encodePacket, type IcmpToEncode, type SegmentToEncode } from '../tcp/encode.ts';
import { type Endpoint, formatEndpoint } from '../tcp/endpoint.ts';
import type { WirePacket } from '../tcp/segment.ts';
import type { SocketOption } from '../tcp/socket-options.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import { CraftedPackets } from './crafted-packets.ts';
import { Ending } from './ending.ts';
import { NOBODY } from './event-owners.ts';
import {
  COUNTED_WITHIN_MS,
  type EnterableHost,
  type SocketNumber,
  type SpawnOptions,
  type StartOptions,
} from './host.ts';
import { HostKernelEvents } from './host-kernel-events.ts';
import { HostRules } from './host-rules.ts';
import type { NamespaceHostOptions } from './namespace-host-options.ts';
import { markedProcesses, NamespacePrograms, processesOfNamespace } from './namespace-programs.ts';
import { findNeighbour, loseNeighbour } from './neighbour.ts';
import { endOrphans } from './orphans.ts';
import { PacketWatch } from './packet-watch.ts';
import type { Program } from './program.ts';
import type { Rule } from './rule.ts';
import { RulesWatch } from './rules-watch.ts';
import { SocketDescriptors } from './socket-descriptors.ts';
import { TableWatch } from './table-watch.ts';

/** A host that is a network namespace of this machine: the lab's own, or one that others use as well. */
export class NamespaceHost implements EnterableHost {
  readonly name: HostName;
  readonly address: string;
  readonly #options: NamespaceHostOptions;
  readonly #namespace: NetworkNamespace;
  readonly #packets: PacketWatch | undefined;
  readonly #table: SocketTable;
  readonly #tableWatch: TableWatch;
  readonly #counters: CounterTexts;
  readonly #programs: NamespacePrograms;
  readonly #rules: HostRules;
  /** Of others, where they are watched. */
  readonly #rulesWatch: RulesWatch | undefined;
  /** When the last look began. */
  #lookedMs: number | undefined;
  readonly #kernelEvents: HostKernelEvents;
  readonly #sockets: SocketDescriptors;
  readonly #crafted: CraftedPackets;
  #ending: Ending | undefined;

  constructor(options: NamespaceHostOptions) {
    using undo = new DisposableStack();
    this.#options = options;
    this.name = options.name;
    this.address = options.address;
    this.#sockets = new SocketDescriptors(options.name);
    this.#namespace = options.namespace;
    const { capture, shared, leg, watch } = options;
    const clock = { nowMs: () => this.#nowMs(), toMs: (ns: bigint) => this.#toMs(ns) };
    const processes = shared ? markedProcesses(shared.table) : processesOfNamespace(this.#namespace);
    const onProgram = () => watch.watchCalls(this.#kernelEvents);
    this.#programs = new NamespacePrograms({ ...options, ...clock, processes, onProgram });
    this.#rules = new HostRules({ ...options, ...clock, kind: options.firewall });
    this.#kernelEvents = new HostKernelEvents({ ...options, ...clock });
    this.#crafted = new CraftedPackets({ ...options, ...clock, readPackets: () => this.#readAllPackets() });
    const part = shared ?? leg;
    const concerns = part && ((wire: WirePacket) => part.concerns(wire));
    [this.#packets, this.#table, this.#counters] = this.#namespace.enter(() => {
      const packets = capture && new PacketWatch({ ...options, capture, concerns });
      undo.defer(() => packets?.closeLog());
      const table = new SocketTable();
      undo.defer(() => table.close());
      return [packets, table, readCounters()];
    });
    this.#tableWatch = new TableWatch(this.#table, { isNew: !shared });
    watch.add(this.#kernelEvents);
    if (options.watched) {
      this.#rulesWatch = new RulesWatch({ ...options, ...clock });
      this.#programs.admitOthers();
    }
    undo.move();
  }

  async openSocket(): Promise<SocketNumber> {
    const { family, shared } = this.#options;
    const fd = this.#namespace.enter(() => kernel.openTcpSocket(family));
    // A port that was named may have TIME-WAITs of the lab before.
    if (shared) kernel.setOption(fd, 'SO_REUSEADDR', 1);
    return this.#sockets.add(fd);
  }

  async bind(socket: SocketNumber, local: Endpoint): Promise<void> {
    this.#call('bind', socket, formatEndpoint(local), (fd) => kernel.bind(fd, local));
    this.#tableWatch.expectBound(local.port);
  }

  async listen(socket: SocketNumber, backlog: number): Promise<void> {
    this.#call('listen', socket, `backlog ${backlog}`, (fd) => kernel.listen(fd, backlog));
  }

  async connect(socket: SocketNumber, remote: Endpoint): Promise<string | null> {
    return this.#call('connect', socket, formatEndpoint(remote), (fd) => kernel.connect(fd, remote), String);
  }

  async accept(listener: SocketNumber): Promise<SocketNumber | undefined> {
    const fd = kernel.accept(this.#sockets.of(listener));
    if (fd === undefined) return undefined;
    const socket = this.#sockets.add(fd);
    this.#emitCall('accept', listener, `gives socket ${socket}`, 'ok', monotonicNs());
    return socket;
  }

  async shutdown(socket: SocketNumber): Promise<void> {
    this.#call('shutdown', socket, 'SHUT_WR', (fd) => kernel.shutdown(fd, 'write'));
  }

  async close(socket: SocketNumber): Promise<void> {
    this.#call('close', socket, '', kernel.close);
    this.#sockets.delete(socket);
  }

  async abort(socket: SocketNumber): Promise<void> {
    this.#call('close', socket, 'after SO_LINGER 0', kernel.abort);
    this.#sockets.delete(socket);
  }

  async send(socket: SocketNumber, data: Uint8Array): Promise<number> {
    return this.#call('send', socket, `${data.length} ${OCTETS}`, (fd) => kernel.send(fd, data), kernel.took);
  }

  async receive(socket: SocketNumber): Promise<Uint8Array | undefined> {
    return kernel.receive(this.#sockets.of(socket));
  }

  async setOption(socket: SocketNumber, option: SocketOption, value: number): Promise<void> {
    this.#call('setsockopt', socket, `${option} ${value}`, (fd) => kernel.setOption(fd, option, value));
  }

  async takeError(socket: SocketNumber): Promise<string | null> {
    return kernel.takeError(this.#sockets.of(socket));
  }

  async localEndpoint(socket: SocketNumber): Promise<Endpoint> {
    return kernel.localEndpoint(this.#sockets.of(socket));
  }

  async remoteEndpoint(socket: SocketNumber): Promise<Endpoint | undefined> {
    return kernel.remoteEndpoint(this.#sockets.of(socket));
  }

  async openSockets(): Promise<{ socket: SocketNumber; inode: number }[]> {
    return this.#sockets.inodes();
  }

  within<T>(work: () => T): T {
    this.#tableWatch.hasGuests = true;
    return followInto(this.#namespace, work);
  }

  isWithin(): boolean {
    return isFollowedInto(this.#namespace);
  }

  async destroySocket(local: Endpoint, remote: Endpoint): Promise<void> {
    const startNs = monotonicNs();
    this.#table.destroy(local, remote);
    this.#emitCall('destroy', 0, `${formatEndpoint(local)} ${formatEndpoint(remote)}`, 'ok', startNs);
    this.#options.watch.read(this.#kernelEvents);
  }

  async sendSegment(segment: SegmentToEncode): Promise<void> {
    this.#crafted.send(encodePacket(segment), segment.destination.address);
  }

  async sendIcmp(error: IcmpToEncode): Promise<void> {
    this.#crafted.send(encodeIcmp(error), error.destination);
  }

  async holdBack(): Promise<boolean> {
    const { family, neighbour } = this.#options;
    return neighbour !== undefined && this.#namespace.enter(() => loseNeighbour(neighbour, family));
  }

  async release(): Promise<void> {
    const { neighbour, watch } = this.#options;
    if (!neighbour) return;
    this.#namespace.enter(() => findNeighbour(neighbour));
    watch.read();
  }

  loseKernelEvents(why: string): void {
    this.#options.watch.remove(this.#kernelEvents);
    this.#kernelEvents.lose(why);
  }

  async watchLoopback(): Promise<void> {
    this.#namespace.enter(() => this.#packets?.addLoopback(this.address));
  }

  /** `number`: in the lab, where that is known elsewhere; so for a program. */
  async setRule(rule: Rule, number: number = this.#options.nextRule()): Promise<number> {
    this.#rules.set(number, this.#options.shared?.narrow(rule) ?? rule);
    return number;
  }

  async liftRule(number: number): Promise<void> {
    this.#rules.lift(number);
  }

  async countRules(): Promise<void> {
    this.#rules.report(this.#rules.count());
  }

  async count(): Promise<void> {
    const lastMs = this.#nowMs() + COUNTED_WITHIN_MS;
    for (;;) {
      this.#programs.checkOwners(await this.observe());
      const [rules, counters] = [this.#rules.count(), this.#namespace.enter(readCounters)];
      // A packet that arrives during the count may be counted or not: repeat until none does.
      if (this.#readPackets() > 0 && this.#nowMs() < lastMs) continue;
      this.#rules.report(rules);
      const changed = countedSince(this.#counters, counters);
      return this.#options.emit({ type: 'counted', atMs: this.#nowMs(), host: this.name, counters: changed });
    }
  }

  async readSysctl(name: string): Promise<string | undefined> {
    return this.#namespace.enter(() => readSysctl(name));
  }

  async writeSysctl(name: string, value: string | number): Promise<void> {
    const { shared, emit } = this.#options;
    this.#namespace.enter(() => (shared ? shared.changeSysctl(name, value) : writeSysctl(name, value)));
    emit({ type: 'sysctl-written', atMs: this.#nowMs(), host: this.name, name, value: String(value) });
  }

  async start(
    command: string | readonly string[],
    options: StartOptions = {},
    number: number = this.#options.nextProgram(),
  ): Promise<Program> {
    // Another user than root may listen on port 80 all the same: a service manager would allow it. Not on a shared machine.
    if (options.user !== undefined && !this.#options.shared)
      await this.writeSysctl('net.ipv4.ip_unprivileged_port_start', 0);
    return this.#programs.start(number, command, options);
  }

  async giveLocalPorts(first: number, last: number): Promise<void> {
    const { watch } = this.#options;
    // What the kernel has printed so far is of the time before the change, and of that alone.
    watch.read();
    this.#kernelEvents.onlyPort = undefined;
    await this.writeSysctl('net.ipv4.ip_local_port_range', `${first} ${last}`);
    watch.read();
    if (first === last) this.#kernelEvents.onlyPort = first;
  }

  /** Prepares for a program that enters this host another way; returns the environment variables that it needs. */
  expectProgram(): NodeJS.ProcessEnv {
    return this.#programs.expect();
  }

  async spawn(command: string, args: string[], options: SpawnOptions = {}): Promise<ChildProcess> {
    return this.#programs.spawn([command, ...args], options);
  }

  async observe(): Promise<SocketRow[]> {
    const startMs = this.#nowMs();
    // Of bound sockets a watch shows nothing: it need not pay for each poll.
    if (!this.#options.watched) this.#tableWatch.hasGuests ||= this.#programs.areThere;
    const rows = this.#ours(this.#tableWatch.read());
    // What happened up to the moment at which the table was read must be known when the table is judged.
    this.#readPackets();
    const rules = this.#rulesWatch?.read();
    if (rules) this.#options.emit(rules);
    this.#programs.findOwners(rows);
    if (this.#tableWatch.isNews(rows)) {
      const atMs = this.#nowMs();
      const sameUntilMs = this.#options.watched ? this.#lookedMs : undefined;
      const since = sameUntilMs === undefined ? {} : { sameUntilMs };
      this.#options.emit({ type: 'sockets', atMs, tookMs: atMs - startMs, host: this.name, rows, ...since });
    }
    this.#lookedMs = startMs;
    return rows;
  }

  async dispose(): Promise<void> {
    this.#ending ??= this.#waysToEnd();
    await this.#ending.run();
    // Until all else is over, what failed may have to be done in there once more.
    this.#namespace.close();
  }

  /** Where others use the machine, no trouble with the one may keep the other from being put back. */
  #waysToEnd(): Ending {
    const { watch, shared } = this.#options;
    return new Ending([
      () => watch.read(),
      () => watch.remove(this.#kernelEvents),
      () => this.#programs.end(),
      () => {
        for (const fd of this.#sockets.takeAll()) kernel.close(fd);
      },
      () => endOrphans(this.#table, this.#ours(this.#table.readAllButBound())),
      // Reads the kernel's last events, so that they do not reach the next lab.
      () => watch.read(NOBODY),
      () => untilCloseEmitted(),
      () => this.#crafted.close(),
      () => this.#rules.close(),
      () => this.#rulesWatch?.close(),
      () => shared && this.#namespace.enter(() => shared.restore()),
      () => this.#table.close(),
      () => stopFollowingInto(this.#namespace),
      () => this.#packets?.close(),
    ]);
  }

  /** Gives how many packets there were. The kernel events, which have the time of each logged drop, are read before. */
  takePackets(): number {
    const calledNs = monotonicNs();
    const count = this.#packets?.read((packet) => this.#kernelEvents.droppedAtNs(packet)) ?? 0;
    this.#kernelEvents.knowLogs(calledNs);
    if (count > 0) this.#rulesWatch?.expect();
    return count;
  }

  #readPackets(): number {
    this.#options.watch.read();
    return this.takePackets();
  }

  #ours(rows: SocketRow[]): SocketRow[] {
    const { leg, shared = leg } = this.#options;
    return shared ? rows.filter((row) => shared.isOurs(row)) : rows;
  }

  /** Makes a call, puts it on the timeline with its outcome, and reads the kernel's events that it caused. */
  #call<T>(
    call: string,
    socket: SocketNumber,
    detail: string,
    work: (fd: number) => T,
    show: (result: T) => string = () => 'ok',
  ): T {
    const fd = this.#sockets.of(socket);
    this.#readAllPackets();
    const startNs = monotonicNs();
    try {
      const result = work(fd);
      this.#emitCall(call, socket, detail, result === null ? 'ok' : show(result), startNs);
      return result;
    } catch (error) {
      this.#emitCall(call, socket, detail, (error as { errno?: string }).errno ?? 'failed', startNs);
      throw error;
    } finally {
      this.#options.watch.read(this.#kernelEvents);
      this.#readAllPackets();
    }
  }

  /** Their stamps are of a clock that may be set: those read now are of before, and those read next of after. */
  #readAllPackets(): void {
    if (this.#options.readPackets) this.#options.readPackets();
    else this.#readPackets();
  }

  #emitCall(call: string, socket: SocketNumber, detail: string, result: string, startNs: bigint): void {
    const atMs = this.#toMs(startNs);
    const tookMs = this.#nowMs() - atMs;
    this.#options.emit({ type: 'call', atMs, host: this.name, call, socket, detail, result, tookMs });
  }

  #nowMs = (): number => this.#toMs(monotonicNs());

  #toMs(ns: bigint): number {
    return Number(ns - this.#options.startNs) / 1e6;
  }
}

/** The unit in the detail of a send, as the timeline's format has it. */
const OCTETS = 'octets';
