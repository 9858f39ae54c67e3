import type { HostName } from '../evidence/events.ts';
import { AsyncDisposableStack } from '../kernel/disposable-stack.ts';
import { descriptorLimit, descriptorsOpen, makeRoomForDescriptors } from '../kernel/limits.ts';
import { hasNftables } from '../kernel/nftables.ts';
import { readSysctl } from '../kernel/sysctl.ts';
import type { Family } from '../tcp/endpoint.ts';
import { CrowdHost } from './crowd-host.ts';
import type { FirewallKind } from './firewall.ts';
import { createWithOwnTable } from './own-table.ts';
import { inBoth } from './pair.ts';
import { type Settings, setSysctls } from './settings.ts';
import { layWire } from './wire.ts';

export interface CrowdOptions {
  family: Family;
  firewall?: FirewallKind;
  serverPort: number;
  count: number;
  /** The highest number of descriptors that it will have open at a time. */
  descriptors: number;
  /** The client's ports are the crowd's to choose. */
  settings?: Omit<Settings, 'clientPort'>;
}

/**
 * Two hosts for many connections. Unlike in a `Lab` no packet is captured, no event of the kernel is read, and no call
 * is put onto a timeline: with ten thousand connections that would be a hundred thousand packets. So what there is to
 * know of a crowd is what the socket tables show, and nothing more may be claimed of it.
 */
export class Crowd implements AsyncDisposable {
  readonly client: CrowdHost;
  readonly server: CrowdHost;

  private constructor(client: CrowdHost, server: CrowdHost) {
    this.client = client;
    this.server = server;
  }

  static async open({
    descriptors,
    firewall = 'nft',
    settings = {},
    ...options
  }: CrowdOptions): Promise<Crowd> {
    // Loads the library now, so that the first rule does not have to.
    if (firewall === 'nft') hasNftables();
    makeRoomForDescriptors(descriptorsOpen() + descriptors);
    await using undo = new AsyncDisposableStack();
    const create = () => {
      const namespace = createWithOwnTable();
      undo.defer(() => namespace.close());
      return namespace;
    };
    const namespaces = { client: create(), server: create() };
    const captures = await layWire(namespaces);
    await inBoth((name) => captures[name].close());
    const host = (name: HostName) => {
      const opened = new CrowdHost({ ...options, firewall, settings, name, namespace: namespaces[name] });
      undo.defer(() => opened.dispose());
      return opened;
    };
    const crowd = new Crowd(host('client'), host('server'));
    for (const name of ['client', 'server'] as const)
      await setSysctls(crowd.host(name), settings.sysctls?.[name] ?? {});
    undo.move();
    return crowd;
  }

  host(name: HostName): CrowdHost {
    return name === 'client' ? this.client : this.server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await inBoth((name) => this.host(name).dispose());
  }
}

/** What this process keeps for other things: standard streams, namespaces, a command's pipes. */
const SPARE_DESCRIPTORS = 64;

/** How many descriptors a crowd may have in this process. */
export function descriptorsFree(): number {
  return descriptorLimit() - descriptorsOpen() - SPARE_DESCRIPTORS;
}

/**
 * How many sockets without a descriptor the kernel lets send their FIN again and again, on the whole machine (tcp(7),
 * tcp_max_orphans); those above it are reset. Undefined inside a user namespace, where it can't be read.
 */
export function orphansAllowed(): number | undefined {
  const value = readSysctl('net.ipv4.tcp_max_orphans');
  return value === undefined ? undefined : Number(value);
}
