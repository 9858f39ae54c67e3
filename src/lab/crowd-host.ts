import type { ChildProcess } from 'node:child_process';
import { type HostName, otherHost } from '../evidence/events.ts';
import type { NetworkNamespace } from '../kernel/namespace.ts';
import { setQueue } from '../kernel/rtnetlink.ts';
import { SocketTable } from '../kernel/sock-diag.ts';
import * as kernel from '../kernel/socket.ts';
import { type Slice, SocketBatch } from '../kernel/socket-batch.ts';
import { readSysctl, writeSysctl } from '../kernel/sysctl.ts';
import type { Endpoint, Family } from '../tcp/endpoint.ts';
import type { SocketOption } from '../tcp/socket-options.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { State } from '../tcp/state.ts';
import { ADDRESSES, INTERFACE } from './addresses.ts';
import { CROWD_PORTS } from './client-ports.ts';
import { Ending } from './ending.ts';
import type { Firewall, FirewallKind } from './firewall.ts';
import { NamespacePrograms, processesOfNamespace } from './namespace-programs.ts';
import { openFirewall } from './open-firewall.ts';
import { endOrphans } from './orphans.ts';
import { LOG_GROUP } from './packet-watch.ts';
import type { Rule } from './rule.ts';
import { optionError, type Settings, sysctlName } from './settings.ts';

export interface CrowdHostOptions {
  name: HostName;
  family: Family;
  firewall: FirewallKind;
  namespace: NetworkNamespace;
  /** How many connections there are to be. */
  count: number;
  serverPort: number;
  settings: Settings;
}

/** One end of many connections. Its calls are made in a row, and only the socket table tells what became of them. */
export class CrowdHost {
  readonly name: HostName;
  readonly #options: CrowdHostOptions;
  readonly #namespace: NetworkNamespace;
  readonly #table: SocketTable;
  readonly #batch: SocketBatch;
  #listener: number | undefined;
  #firewall: Firewall | undefined;
  readonly #dropped = new Map<Rule['hook'], { rule: number; slice: Slice }>();
  #rules = 0;
  readonly #programs: NamespacePrograms;
  #ending: Ending | undefined;

  constructor(options: CrowdHostOptions) {
    this.name = options.name;
    this.#options = options;
    this.#namespace = options.namespace;
    this.#table = this.#namespace.enter(() => new SocketTable());
    this.#batch = new SocketBatch(options.count);
    this.#programs = new NamespacePrograms({
      ...options,
      processes: processesOfNamespace(options.namespace),
      nowMs: () => performance.now(),
      emit: () => {},
    });
  }

  async readSysctl(name: string): Promise<string | undefined> {
    return this.#namespace.enter(() => readSysctl(name));
  }

  async writeSysctl(name: string, value: string | number): Promise<void> {
    this.#namespace.enter(() => writeSysctl(name, value));
  }

  /** With a queue that has room for so many. */
  listen(backlog: number): void {
    this.#namespace.enter(() => {
      this.#raiseSysctl('net.core.somaxconn', backlog);
      this.#listener = kernel.openTcpSocket(this.#options.family);
      this.#prepare(this.#listener);
      kernel.bind(this.#listener, this.#endpoint(this.#options.name, 0));
      kernel.listen(this.#listener, backlog);
    });
  }

  /**
   * All send again at about the same moment, more than the other end takes at a time (net.core.netdev_max_backlog, of
   * the whole machine). Without a queue between them the sender is told, and a SYN-ACK that was not sent ends its
   * request (net/ipv4/inet_connection_sock.c, reqsk_timer_handler); with one it is as lost as on any wire.
   */
  loseSilently(packets: number): void {
    this.#namespace.enter(() => setQueue(INTERFACE, packets));
  }

  /** So that the kernel keeps as many in TIME-WAIT, and in an orphan's FIN-WAIT-2. */
  admitTimeWaits(count: number): void {
    this.#namespace.enter(() => this.#raiseSysctl('net.ipv4.tcp_max_tw_buckets', count));
  }

  connect(slice: Slice): void {
    const { name, family } = this.#options;
    const other = otherHost(name);
    const [local, remote] = [this.#endpoint(name, 0), this.#endpoint(other, 0)];
    const step = { local: STEP[name], remote: STEP[other] };
    const prepare = (fd: number) => this.#prepare(fd);
    this.#namespace.enter(() => this.#batch.connect(family, slice, local, remote, step, prepare));
  }

  accept(slice: Slice): number {
    if (this.#listener === undefined) throw new Error(`${this.#options.name} does not listen`);
    return this.#batch.accept(this.#listener, slice);
  }

  send(slice: Slice, data: Uint8Array): void {
    this.#batch.send(slice, data);
  }

  receive(slice: Slice): number {
    return this.#batch.receive(slice);
  }

  shutdown(slice: Slice): void {
    this.#batch.shutdown(slice, 'write');
  }

  close(slice: Slice): void {
    this.#batch.close(slice);
  }

  abort(slice: Slice): void {
    this.#batch.abort(slice);
  }

  /**
   * Drops all that comes in or goes out of these connections from now on. One rule is there for all of them, however many
   * such slices there were, for each packet is compared with every rule.
   */
  drop(hook: Rule['hook'], slice: Slice): void {
    const before = this.#dropped.get(hook);
    const all = { from: before?.slice.from ?? slice.from, to: slice.to };
    const number = ++this.#rules;
    this.#namespace.enter(() => {
      const { firewall, family } = this.#options;
      this.#firewall ??= openFirewall(firewall, { family, logGroup: LOG_GROUP });
      this.#firewall.set(number, this.#dropRule(hook, all));
      if (before) this.#firewall.lift(before.rule);
    });
    this.#dropped.set(hook, { rule: number, slice: all });
  }

  /** Drops nothing any more. */
  lift(): void {
    this.#namespace.enter(() => {
      for (const { rule } of this.#dropped.values()) this.#firewall?.lift(rule);
    });
    this.#dropped.clear();
  }

  #dropRule(hook: Rule['hook'], { from, to }: Slice): Rule {
    const { name, serverPort } = this.#options;
    const clients = { first: clientPort(to - 1), last: clientPort(from) };
    const isFromClient = (name === 'client') === (hook === 'out');
    return isFromClient
      ? { hook, sourcePort: clients, destinationPort: serverPort, fate: 'drop' }
      : { hook, sourcePort: serverPort, destinationPort: clients, fate: 'drop' };
  }

  /** How many of these connections the socket table has in a state, at this end; CLOSED are those that it has not. */
  countIn(state: State, { from, to }: Slice): number {
    const { name, serverPort } = this.#options;
    const [first, last] = [clientPort(to - 1), clientPort(from)];
    let count = 0;
    this.#table.scan(state === 'CLOSED' ? 'any' : state, (local, remote) => {
      const [client, server] = name === 'client' ? [local, remote] : [remote, local];
      if (server === serverPort && client >= first && client <= last) count++;
    });
    return state === 'CLOSED' ? to - from - count : count;
  }

  /** Whether its listener listens, and has none of these connections. */
  listensAlone(slice: Slice): boolean {
    let found = false;
    this.#table.scan('LISTEN', (local) => {
      found ||= local === this.#options.serverPort;
    });
    return found && this.countIn('CLOSED', slice) === slice.to - slice.from;
  }

  /** Runs a program in it, with the standard streams of this process. */
  spawn(command: string, args: readonly string[]): Promise<ChildProcess> {
    return this.#programs.spawn([command, ...args], {});
  }

  async dispose(): Promise<void> {
    this.#ending ??= new Ending([
      () => this.#programs.end(),
      () => this.#batch.abort(),
      () => this.#listener !== undefined && kernel.close(this.#listener),
      () => endOrphans(this.#table, this.#orphans()),
      () => this.#firewall?.close(),
      () => this.#table.close(),
      () => this.#namespace.close(),
    ]);
    await this.#ending.run();
  }

  /** What is closed and not over; of thousands of sockets, few are. */
  #orphans(): Pick<SocketRow, 'state' | 'local' | 'remote'>[] {
    const { name } = this.#options;
    const left: [State, port: number][] = [];
    for (const state of ORPHANED) {
      this.#table.scan(state, (local, remote) => left.push([state, name === 'client' ? local : remote]));
    }
    return left.map(([state, port]) => {
      const index = CROWD_PORTS.last - port;
      return { state, local: this.#endpoint(name, index), remote: this.#endpoint(otherHost(name), index) };
    });
  }

  /** Sets what was asked for. */
  #prepare(fd: number): void {
    const { name, settings } = this.#options;
    for (const [option, value] of Object.entries(settings.socketOptions?.[name] ?? {})) {
      try {
        kernel.setOption(fd, option as SocketOption, value);
      } catch (error) {
        throw optionError(error, name, option as SocketOption, value);
      }
    }
  }

  /** Only upwards, and only when it has to be: where it may not be written, most crowds do without. What was asked for stays. */
  #raiseSysctl(name: string, atLeast: number): void {
    const { settings } = this.#options;
    if (Object.keys(settings.sysctls?.[this.name] ?? {}).some((asked) => sysctlName(asked) === name)) return;
    if (Number(readSysctl(name) ?? atLeast) < atLeast) writeSysctl(name, atLeast);
  }

  /** Of the connection of this number. */
  #endpoint(host: HostName, index: number): Endpoint {
    const { address } = ADDRESSES[host][this.#options.family];
    return { address, port: host === 'client' ? clientPort(index) : this.#options.serverPort };
  }
}

/** From one connection to the next, the client's port goes down and the server's stays. */
const STEP: Record<HostName, number> = { client: -1, server: 0 };

function clientPort(index: number): number {
  return CROWD_PORTS.last + index * STEP.client;
}

const ORPHANED: readonly State[] = ['FIN-WAIT-1', 'CLOSING', 'LAST-ACK'];
