import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { TcplabError } from '../error.ts';
import { type HostName, otherHost, TIMELINE_FORMAT } from '../evidence/events.ts';
import { Timeline } from '../evidence/timeline.ts';
import { monotonicNs } from '../kernel/clock.ts';
import { Iptables } from '../kernel/iptables.ts';
import type { NetworkNamespace } from '../kernel/namespace.ts';
import { hasNftables } from '../kernel/nftables.ts';
import type { Endpoint, Family } from '../tcp/endpoint.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import { ADDRESSES, LINK_ADDRESSES, SERVER_PORT } from './addresses.ts';
import { takePortBlock } from './client-ports.ts';
import type { FirewallKind } from './firewall.ts';
import type { Host } from './host.ts';
import { KernelWatch } from './kernel-watch.ts';
import { NamespaceHost, type NamespaceHostOptions } from './namespace-host.ts';
import { createWithOwnTable } from './own-table.ts';
import { layWire } from './wire.ts';

export interface LabOptions {
  family?: Family;
  /** What sets the rules. */
  firewall?: FirewallKind;
  /** The port of the server, 80 if not said. */
  serverPort?: number;
}

/** The socket tables of both hosts, read at about one moment. */
export type Tables = Record<HostName, SocketRow[]>;

/** What the kernel does without one of its timers, it has done by then. */
const AT_ONCE_MS = 3;

/** Two hosts and the wire between them. Nothing of it is left once it is disposed of, or the process has ended. */
export class Lab implements AsyncDisposable {
  readonly timeline: Timeline;
  readonly client: Host;
  readonly server: Host;
  readonly family: Family;
  readonly serverPort: number;
  readonly #startNs: bigint;
  readonly #watch: KernelWatch;
  readonly #takePort: () => number;
  readonly #portsLeft: () => number;
  readonly #endTimeline: () => void;
  #isOver = false;

  private constructor(parts: {
    timeline: Timeline;
    client: Host;
    server: Host;
    family: Family;
    startNs: bigint;
    watch: KernelWatch;
    takePort: () => number;
    portsLeft: () => number;
    serverPort: number;
    endTimeline: () => void;
  }) {
    this.timeline = parts.timeline;
    this.client = parts.client;
    this.server = parts.server;
    this.family = parts.family;
    this.#startNs = parts.startNs;
    this.#watch = parts.watch;
    this.#takePort = parts.takePort;
    this.#portsLeft = parts.portsLeft;
    this.serverPort = parts.serverPort;
    this.#endTimeline = parts.endTimeline;
  }

  /** Takes some 3 ms, the first of a process with root 50 ms more. Needs the privileges that `doctor` tells of. */
  static async open({
    family = 'ipv4',
    firewall = 'nft',
    serverPort = SERVER_PORT,
  }: LabOptions = {}): Promise<Lab> {
    // Loads the library now, so that the first rule does not have to; or finds that there is no such command.
    if (firewall === 'nft') hasNftables();
    else new Iptables(family);
    const watch = await KernelWatch.acquire();
    const undo: (() => unknown)[] = [() => watch.release()];
    try {
      const [client, server] = [createWithOwnTable(), createWithOwnTable()];
      undo.unshift(
        () => client.close(),
        () => server.close(),
      );
      const startNs = monotonicNs();
      const timeline = new Timeline();
      timeline.add({
        type: 'lab-opened',
        atMs: 0,
        format: TIMELINE_FORMAT,
        startedAt: new Date().toISOString(),
        family,
        addresses: { client: ADDRESSES.client[family].address, server: ADDRESSES.server[family].address },
        noKernelEvents: watch.unavailable,
      });
      const captures = await layWire({ client, server });
      const ports = takePortBlock(watch.slot);
      let [lastRule, lastProgram, nextPort, isOver] = [0, 0, ports.first, false];
      const shared: Omit<NamespaceHostOptions, 'name' | 'address' | 'namespace' | 'capture' | 'neighbour'> = {
        family,
        firewall,
        watch,
        clientPorts: ports,
        startNs,
        nextRule: () => ++lastRule,
        nextProgram: () => ++lastProgram,
        // What its own end causes is not part of the story.
        emit: (event) => {
          if (!isOver) timeline.add(event);
        },
      };
      const host = (name: HostName, namespace: NetworkNamespace) =>
        new NamespaceHost({
          ...shared,
          name,
          namespace,
          capture: captures[name],
          address: ADDRESSES[name][family].address,
          neighbour: {
            address: ADDRESSES[otherHost(name)][family].address,
            linkAddress: LINK_ADDRESSES[otherHost(name)],
          },
        });
      return new Lab({
        timeline,
        client: host('client', client),
        server: host('server', server),
        family,
        startNs,
        watch,
        takePort: () => nextPort++,
        portsLeft: () => Math.max(0, ports.last + 1 - nextPort),
        serverPort,
        endTimeline: () => {
          isOver = true;
        },
      });
    } catch (error) {
      for (const step of undo) await step();
      throw error;
    }
  }

  host(name: HostName): Host {
    return name === 'client' ? this.client : this.server;
  }

  /** A port for the client that no lab on this machine has used lately. */
  nextClientEndpoint(): Endpoint {
    return { address: this.client.address, port: this.#takePort() };
  }

  /** How many of them this lab has left: what is taken beyond that may be the next lab's. */
  get clientPortsLeft(): number {
    return this.#portsLeft();
  }

  serverEndpoint(): Endpoint {
    return { address: this.server.address, port: this.serverPort };
  }

  /** Milliseconds since the lab was opened, on the timeline's clock. */
  nowMs(): number {
    return Number(monotonicNs() - this.#startNs) / 1e6;
  }

  /** Brings the timeline up to now. */
  async observe(): Promise<Tables> {
    return { client: await this.#observe('client'), server: await this.#observe('server') };
  }

  async #observe(name: HostName): Promise<SocketRow[]> {
    if (this.#isOver) throw new TcplabError('USAGE', 'the lab is over: was an await forgotten?');
    return this.host(name).observe();
  }

  /** Puts the counters of both hosts on the timeline, when all that was sent has been seen to arrive: for the end. */
  async count(): Promise<void> {
    for (let tries = 1; tries <= 5; tries++) {
      await this.client.count();
      await this.server.count();
      const packets = () => this.timeline.of('captured').length + this.timeline.of('dropped').length;
      const counted = packets();
      await this.observe();
      if (packets() === counted) return;
    }
  }

  /**
   * Tries until `attempt` gives something, at once at first and then less often; gives that. When the time is over,
   * throws a TcplabError with code TIMEOUT that says what was waited for. `onIdle` is called when it begins to pause.
   */
  async waitFor<T>(
    what: string,
    attempt: () => T | Promise<T>,
    timeoutMs = 5000,
    onIdle: () => void = () => {},
  ): Promise<NonNullable<T>> {
    const startMs = this.nowMs();
    for (;;) {
      const result = await attempt();
      if (result) return result;
      const waitedMs = this.nowMs() - startMs;
      if (waitedMs > timeoutMs) throw new TcplabError('TIMEOUT', `${what}: not seen within ${timeoutMs} ms`);
      if (waitedMs < AT_ONCE_MS) {
        await turn();
      } else {
        onIdle();
        await pause(Math.min(5, waitedMs / 4));
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    this.#endTimeline();
    await Promise.all([this.client.dispose(), this.server.dispose()]);
    await this.#watch.release();
  }
}
