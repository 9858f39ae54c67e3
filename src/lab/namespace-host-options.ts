import type { HostName, TimelineEvent } from '../evidence/events.ts';
import type { NetworkNamespace } from '../kernel/namespace.ts';
import type { PacketCapture } from '../kernel/packet-capture.ts';
import type { Neighbour } from '../kernel/rtnetlink.ts';
import type { Family } from '../tcp/endpoint.ts';
import type { PortBlock } from './client-ports.ts';
import type { FirewallKind } from './firewall.ts';
import type { KernelWatch } from './kernel-watch.ts';
import type { Leg } from './leg.ts';
import type { SharedMachine } from './shared-machine.ts';

export interface NamespaceHostOptions {
  name: HostName;
  address: string;
  family: Family;
  firewall: FirewallKind;
  namespace: NetworkNamespace;
  /** Of its interface, in this namespace; undefined where there is none. The host closes it. */
  capture: PacketCapture | undefined;
  /** The NFLOG group of its rules. */
  logGroup: number;
  /** The host at the other end of the wire, where the wire is the lab's own. */
  neighbour?: Neighbour;
  /** Where others use the machine as well. */
  shared?: SharedMachine;
  /** Whether others act in there, and this process only watches. */
  watched?: boolean;
  /** Where another lab has this host as well. */
  leg?: Leg;
  watch: KernelWatch;
  /** Reads the packets of the lab's other host too, where that is on this machine. */
  readPackets?: () => void;
  clientPorts: PortBlock;
  /** When the lab's clock was zero: CLOCK_MONOTONIC, nanoseconds. */
  startNs: bigint;
  /** The lab's next rule number. */
  nextRule: () => number;
  /** The number of the lab's next program. */
  nextProgram: () => number;
  emit: (event: TimelineEvent) => void;
}
