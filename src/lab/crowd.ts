import type { HostName } from '../evidence/events.ts';
import { DescriptorKeeper } from '../kernel/descriptor-keeper.ts';
import { AsyncDisposableStack } from '../kernel/disposable-stack.ts';
import { descriptorLimit, descriptorsOpen, makeRoomForDescriptors } from '../kernel/limits.ts';
import { hasNftables } from '../kernel/nftables.ts';
import { readSysctl } from '../kernel/sysctl.ts';
import type { Family } from '../tcp/endpoint.ts';
import { CrowdEnd } from './crowd-end.ts';
import { CrowdHost } from './crowd-host.ts';
import { Ending } from './ending.ts';
import type { FirewallKind } from './firewall.ts';
import { createWithOwnTable } from './own-table.ts';
import { inBoth } from './pair.ts';
import { type Settings, setSysctls } from './settings.ts';
import { layWire } from './wire.ts';

interface CrowdOptions {
  family: Family;
  firewall?: FirewallKind;
  /** The crowd chooses the client's ports. */
  settings?: Omit<Settings, 'clientPort'>;
  parts: readonly CrowdPartOptions[];
}

/** Connections that get the same calls. */
export interface CrowdPartOptions {
  count: number;
  /** The first of the server's ports: there is one for each 33,312 connections. */
  firstServerPort: number;
  /** Whether the host that is called client has the server's ends, and the other one the client's. */
  swapped?: boolean;
}

/** Both ends of connections that get the same calls. */
export interface CrowdPart {
  readonly count: number;
  readonly client: CrowdEnd;
  readonly server: CrowdEnd;
}

/**
 * Two hosts for many connections. Unlike in a `Lab` no packet is captured, no event of the kernel is read, and no call
 * is put on a timeline: ten thousand connections would make a hundred thousand packets. So tcplab knows, and claims,
 * only what the socket tables show.
 */
export class Crowd implements AsyncDisposable {
  readonly client: CrowdHost;
  readonly server: CrowdHost;
  readonly parts: readonly CrowdPart[];
  readonly #keepers: DescriptorKeeper[] = [];
  /** How many descriptors of the connections this process can have open at a time. */
  readonly #descriptors = descriptorsFree();
  readonly #ending = new Ending([
    () => {
      for (const end of this.#ends()) end.dispose();
    },
    () => Promise.all(this.#keepers.map((keeper) => keeper.end())),
    () => inBoth((name) => this.host(name).dispose()),
  ]);

  private constructor(client: CrowdHost, server: CrowdHost, { family, parts }: CrowdOptions) {
    this.client = client;
    this.server = server;
    this.parts = parts.map(({ count, firstServerPort, swapped = false }) => {
      const [host, peer] = swapped ? [server, client] : [client, server];
      const common = { family, count, firstServerPort };
      return {
        count,
        client: new CrowdEnd({ ...common, role: 'client', host, peer }),
        server: new CrowdEnd({ ...common, role: 'server', host: peer, peer: host }),
      };
    });
  }

  static async open(options: CrowdOptions): Promise<Crowd> {
    const { family, firewall = 'nft', settings = {}, parts } = options;
    // Loads the library now, so that the first rule does not have to.
    if (firewall === 'nft') hasNftables();
    const count = parts.reduce((sum, part) => sum + part.count, 0);
    makeRoomForDescriptors(descriptorsOpen() + Math.min(2 * count, descriptorsFree()));
    await using undo = new AsyncDisposableStack();
    const create = () => {
      const namespace = createWithOwnTable(count);
      undo.defer(() => namespace.close());
      return namespace;
    };
    const namespaces = { client: create(), server: create() };
    const captures = await layWire(namespaces);
    await inBoth((name) => captures[name].close());
    const host = (name: HostName) => {
      const opened = new CrowdHost({ family, firewall, settings, name, namespace: namespaces[name] });
      undo.defer(() => opened.dispose());
      return opened;
    };
    const crowd = new Crowd(host('client'), host('server'), options);
    for (const name of ['client', 'server'] as const)
      await setSysctls(crowd.host(name), settings.sysctls?.[name] ?? {});
    undo.move();
    return crowd;
  }

  host(name: HostName): CrowdHost {
    return name === 'client' ? this.client : this.server;
  }

  /** Has other processes keep the descriptors that are open, if this one has no space for so many more. */
  makeRoom(descriptors: number): void {
    const open = this.#ends().reduce((sum, end) => sum + end.open, 0);
    if (open + descriptors <= this.#descriptors) return;
    this.#keepers.push(new DescriptorKeeper(this.#ends().flatMap((end) => [...end.release()])));
  }

  #ends(): CrowdEnd[] {
    return this.parts.flatMap(({ client, server }) => [client, server]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ending.run();
  }
}

/** What this process keeps for other things: standard streams, namespaces, a command's pipes. */
const SPARE_DESCRIPTORS = 64;

/** How many descriptors a crowd may have in this process at a time. */
export function descriptorsFree(): number {
  return descriptorLimit() - descriptorsOpen() - SPARE_DESCRIPTORS;
}

/**
 * The machine-wide limit of orphaned sockets (tcp(7), tcp_max_orphans); the kernel resets those above it. Undefined in a
 * user namespace, where it can't be read.
 */
export function orphansAllowed(): number | undefined {
  const value = readSysctl('net.ipv4.tcp_max_orphans');
  return value === undefined ? undefined : Number(value);
}
