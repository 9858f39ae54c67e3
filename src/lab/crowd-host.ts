import type { ChildProcess } from 'node:child_process';
import { type HostName, otherHost } from '../evidence/events.ts';
import type { NetworkNamespace } from '../kernel/namespace.ts';
import { setQueue } from '../kernel/rtnetlink.ts';
import { SocketTable } from '../kernel/sock-diag.ts';
import * as kernel from '../kernel/socket.ts';
import { readSysctl, writeSysctl } from '../kernel/sysctl.ts';
import type { Family } from '../tcp/endpoint.ts';
import type { SocketOption } from '../tcp/socket-options.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { State } from '../tcp/state.ts';
import { ADDRESSES, INTERFACE } from './addresses.ts';
import { Ending } from './ending.ts';
import type { Firewall, FirewallKind } from './firewall.ts';
import { NamespacePrograms, processesOfNamespace } from './namespace-programs.ts';
import { openFirewall } from './open-firewall.ts';
import { endOrphans } from './orphans.ts';
import { LOG_GROUP } from './packet-watch.ts';
import type { Rule } from './rule.ts';
import { optionError, type Settings, sysctlName } from './settings.ts';

interface CrowdHostOptions {
  name: HostName;
  family: Family;
  firewall: FirewallKind;
  namespace: NetworkNamespace;
  settings: Settings;
}

/** One of the two hosts of a crowd: its network, rules, programs and socket table. The sockets are those of its `CrowdEnd`s. */
export class CrowdHost {
  readonly name: HostName;
  readonly address: string;
  readonly #options: CrowdHostOptions;
  readonly #namespace: NetworkNamespace;
  readonly #table: SocketTable;
  #firewall: Firewall | undefined;
  #rules = 0;
  readonly #programs: NamespacePrograms;
  #ending: Ending | undefined;

  constructor(options: CrowdHostOptions) {
    this.name = options.name;
    this.address = ADDRESSES[options.name][options.family].address;
    this.#options = options;
    this.#namespace = options.namespace;
    this.#table = this.enter(() => new SocketTable());
    this.#programs = new NamespacePrograms({
      ...options,
      processes: processesOfNamespace(options.namespace),
      nowMs: () => performance.now(),
      emit: () => {},
    });
  }

  /** The descriptor of its network namespace. */
  get namespace(): number {
    return this.#namespace.fd;
  }

  /** Runs synchronous code in its network namespace. */
  enter<T>(work: () => T extends PromiseLike<unknown> ? never : T): T {
    return this.#namespace.enter(work);
  }

  async readSysctl(name: string): Promise<string | undefined> {
    return this.enter(() => readSysctl(name));
  }

  async writeSysctl(name: string, value: string | number): Promise<void> {
    this.enter(() => writeSysctl(name, value));
  }

  /** Only raises, and only if needed, because some machines forbid it. A sysctl that the user has set stays. */
  raiseSysctl(name: string, atLeast: number): void {
    const { settings } = this.#options;
    if (Object.keys(settings.sysctls?.[this.name] ?? {}).some((asked) => sysctlName(asked) === name)) return;
    this.enter(() => {
      if (Number(readSysctl(name) ?? atLeast) < atLeast) writeSysctl(name, atLeast);
    });
  }

  /**
   * All connections retransmit at about the same moment, which can exceed net.core.netdev_max_backlog (machine-wide).
   * Without a queue the sender sees the error, and a SYN-ACK that could not be sent ends its request
   * (net/ipv4/inet_connection_sock.c, reqsk_timer_handler). With a queue the packet is lost as on any wire.
   */
  loseSilently(packets: number): void {
    this.enter(() => setQueue(INTERFACE, packets));
  }

  /** So that the kernel keeps as many in TIME-WAIT, and in an orphan's FIN-WAIT-2. */
  admitTimeWaits(count: number): void {
    this.raiseSysctl('net.ipv4.tcp_max_tw_buckets', count);
  }

  /**
   * Of tens of thousands, the FIN of some overtakes the ACK before it, which a timer on another processor sends. A TIME-WAIT
   * answers that ACK, and the peer, which has no socket any more, ends it with an RST.
   */
  ignoreResetsInTimeWait(): void {
    this.raiseSysctl('net.ipv4.tcp_rfc1337', 1);
  }

  /** Sets the socket options that were asked for; undefined if none were. */
  get prepare(): ((fd: number) => void) | undefined {
    const options = Object.entries(this.#options.settings.socketOptions?.[this.name] ?? {});
    if (options.length === 0) return undefined;
    return (fd) => {
      for (const [option, value] of options) {
        try {
          kernel.setOption(fd, option as SocketOption, value);
        } catch (error) {
          throw optionError(error, this.name, option as SocketOption, value);
        }
      }
    };
  }

  /** Returns the number by which to remove the rule. */
  setRule(rule: Rule): number {
    const number = ++this.#rules;
    this.enter(() => {
      const { firewall, family } = this.#options;
      this.#firewall ??= openFirewall(firewall, { family, logGroup: LOG_GROUP });
      this.#firewall.set(number, rule);
    });
    return number;
  }

  liftRule(number: number): void {
    this.enter(() => this.#firewall?.lift(number));
  }

  scan(state: State | 'any', visit: (localPort: number, remotePort: number, state: State) => void): void {
    this.#table.scan(state, visit);
  }

  /** Runs a program in it, with the standard streams of this process. */
  spawn(command: string, args: readonly string[]): Promise<ChildProcess> {
    return this.#programs.spawn([command, ...args], {});
  }

  /** Its sockets are closed before. */
  async dispose(): Promise<void> {
    this.#ending ??= new Ending([
      () => this.#programs.end(),
      () => endOrphans(this.#table, this.#orphans()),
      () => this.#firewall?.close(),
      () => this.#table.close(),
      () => this.#namespace.close(),
    ]);
    await this.#ending.run();
  }

  /** What is closed and not over; of thousands of sockets, few are. */
  #orphans(): Pick<SocketRow, 'state' | 'local' | 'remote'>[] {
    const peer = ADDRESSES[otherHost(this.name)][this.#options.family].address;
    const left: Pick<SocketRow, 'state' | 'local' | 'remote'>[] = [];
    for (const state of ORPHANED) {
      this.scan(state, (local, remote) => {
        left.push({
          state,
          local: { address: this.address, port: local },
          remote: { address: peer, port: remote },
        });
      });
    }
    return left;
  }
}

const ORPHANED: readonly State[] = ['FIN-WAIT-1', 'CLOSING', 'LAST-ACK'];
