import { TcplabError } from '../error.ts';
import type { HostAbout, HostName, TimelineEvent } from '../evidence/events.ts';
import { monotonicNs, realtimeOffsetNs } from '../kernel/clock.ts';
import { AsyncDisposableStack } from '../kernel/disposable-stack.ts';
import { isOutOfDescriptors } from '../kernel/files.ts';
import { Iptables } from '../kernel/iptables.ts';
import { NetworkNamespace } from '../kernel/namespace.ts';
import { PacketLog } from '../kernel/nflog.ts';
import { Nftables } from '../kernel/nftables.ts';
import { PacketCapture } from '../kernel/packet-capture.ts';
import { parentOf, socketHolders } from '../kernel/process.ts';
import { SocketTable } from '../kernel/sock-diag.ts';
import { ownInstances } from '../kernel/trace-instance.ts';
import type { PortBlock } from '../lab/client-ports.ts';
import type { FirewallKind } from '../lab/firewall.ts';
import { KernelWatch } from '../lab/kernel-watch.ts';
import { NamespaceHost } from '../lab/namespace-host.ts';
import { SharedMachine } from '../lab/shared-machine.ts';
import type { Undo } from '../lab/undo.ts';
import type { Endpoint, Family } from '../tcp/endpoint.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import { agentName } from './journal.ts';
import { LOG_GROUPS } from './log-groups.ts';

/** The options of a host on a machine that others use as well. */
export interface SharedHostRequest {
  name: HostName;
  family: Family;
  firewall: FirewallKind;
  address: string;
  interface: string;
  peer: string;
  serverPort: number;
  clientPorts: PortBlock;
  allowSysctl: boolean;
}

/** Its abilities: null if present, else why not. */
export type SharedHostAbilities = Pick<
  HostAbout,
  'firewall' | 'noKernelEvents' | 'kernelEvents' | 'noPackets'
>;

export interface SharedHost {
  host: NamespaceHost;
  abilities: SharedHostAbilities;
  dispose(): Promise<void>;
}

/** For tests: shifts this machine's clock, to test machines with different clocks. */
const AHEAD_MS = Number(process.env['TCPLAB_CLOCK_AHEAD_MS'] ?? 0);

/** When this machine's clock for the lab was zero. */
const START_NS = monotonicNs() - BigInt(Math.round(AHEAD_MS * 1e6));

/** An agent's clocks. */
export interface ClockFace {
  /** The one that stamps its events, milliseconds since a moment of its own. */
  atMs: number;
  /** The time of day, milliseconds since 1970. */
  dayMs: number;
}

export function readClocks(): ClockFace {
  const nowNs = monotonicNs();
  return {
    atMs: Number(nowNs - START_NS) / 1e6,
    dayMs: Number(nowNs + realtimeOffsetNs()) / 1e6 + AHEAD_MS,
  };
}

let opened = 0;

/** A host in the network namespace of this process, which other programs use as well. */
export async function openSharedHost(
  request: SharedHostRequest,
  keep: (undo: Undo) => void,
  emit: (event: TimelineEvent) => void,
): Promise<SharedHost> {
  const { firewall: wanted, interface: interfaceName, ...rest } = request;
  const number = ++opened;
  // They are the machine's, and would outlive this process.
  keep({ what: 'trace-instances', beginning: ownInstances() });
  await using undo = new AsyncDisposableStack();
  const watch = await KernelWatch.acquire();
  const firewall = firewallThatWorks(wanted, request.family);
  const seen = openCapture(interfaceName, request.peer);
  undo.defer(() => seen.capture?.close());
  const before = readTable();
  const table = `${agentName()}_${number}`;
  const shared = new SharedMachine({ ...rest, table, reachedBy, keep }, before);
  const namespace = NetworkNamespace.home();
  undo.defer(() => namespace.close());
  const host = new NamespaceHost({
    ...rest,
    ...{ watch, shared, emit },
    firewall: firewall ?? wanted,
    namespace,
    capture: seen.capture,
    logGroup: seen.logGroup,
    startNs: START_NS,
    nextRule: neverCalled,
    nextProgram: neverCalled,
  });
  undo.move();
  return {
    host,
    abilities: { firewall, ...watch.about, noPackets: seen.why },
    dispose: () => host.dispose(),
  };
}

/** The numbers of rules and programs are the lab's, of which this is but one host. */
function neverCalled(): never {
  throw new Error('the lab gives an agent the numbers of its rules and programs');
}

/** The one that is wanted, else the other one. */
function firewallThatWorks(wanted: FirewallKind, family: Family): FirewallKind | null {
  const kinds: readonly FirewallKind[] = wanted === 'nft' ? ['nft', 'iptables'] : ['iptables', 'nft'];
  return (
    kinds.find((kind) => works(() => (kind === 'nft' ? tryNftables() : new Iptables(family).list()))) ?? null
  );
}

function tryNftables(): void {
  const nftables = new Nftables();
  try {
    nftables.run('list tables');
  } finally {
    nftables.close();
  }
}

/** Without either of the two it is not known what an end was given. */
function openCapture(
  interfaceName: string,
  peer: string,
): { capture: PacketCapture | undefined; logGroup: number; why: string | null } {
  try {
    const logGroup = freeLogGroup();
    return { capture: new PacketCapture(interfaceName, peer), logGroup, why: null };
  } catch (error) {
    if (!(error instanceof TcplabError) || isOutOfDescriptors(error)) throw error;
    return { capture: undefined, logGroup: 0, why: `no packet capture: ${error.message}` };
  }
}

/** A free one. */
function freeLogGroup(): number {
  for (let tries = 1; ; tries++) {
    const group = LOG_GROUPS.any();
    try {
      new PacketLog(group).close();
      return group;
    } catch (error) {
      if (tries === 5) throw error;
    }
  }
}

function works(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (error instanceof TcplabError && !isOutOfDescriptors(error)) return false;
    throw error;
  }
}

/** The connections of this process's ancestors and standard streams: tcplab is controlled over one of them. */
function reachedBy(): { local: Endpoint; remote: Endpoint }[] {
  const ancestors: number[] = [];
  for (let pid = process.pid; pid > 0; pid = parentOf(pid)) ancestors.push(pid);
  const holders = socketHolders(ancestors).filter(({ pid, fd }) => pid !== process.pid || fd <= 2);
  const inodes = new Set(holders.map(({ inode }) => inode));
  return readTable().filter(({ inode, remote }) => inodes.has(inode) && remote.port !== 0);
}

function readTable(): SocketRow[] {
  const table = new SocketTable();
  try {
    return table.read();
  } finally {
    table.close();
  }
}
