import { throwTogether } from '../error.ts';
import type { HostName, LabOpened, TimelineEvent } from '../evidence/events.ts';
import type { Family } from '../tcp/endpoint.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { Box } from './box.ts';
import type { PortBlock } from './client-ports.ts';
import type { FirewallKind } from './firewall.ts';
import type { Host } from './host.ts';

/** The two hosts of a lab, wherever they are. */
export interface HostPair {
  client: Host;
  server: Host;
  /** What the timeline's first event contains about the hosts. */
  about: Pick<LabOpened, 'addresses' | 'noKernelEvents' | 'kernelEvents' | 'hosts'>;
  /** The client ports that no other lab uses. */
  clientPorts: PortBlock;
  serverPort: number;
  /** The time of the latest event on the timeline: another host's clock may be ahead. */
  latestMs(): number;
  /** What forwards the packets between the two, if something does. */
  box?: Box;
  /** Both tables at about one moment, where that is quicker than to ask one after the other. */
  observe?(): Promise<Record<HostName, SocketRow[]>>;
  dispose(): Promise<void>;
}

export interface PairRequest {
  family: Family;
  firewall: FirewallKind;
  /** Default: the hosts choose it. */
  serverPort: number | undefined;
  /** The first of the client's ports; the hosts decide if it is not given. */
  clientPort: number | undefined;
  /** Others act in both hosts, and tcplab only watches: what they do is searched for, and none of it ends with the lab. */
  watched: boolean;
  /** When the lab's clock was zero: CLOCK_MONOTONIC of this machine, nanoseconds. */
  startNs: bigint;
  emit: (event: TimelineEvent) => void;
}

/** Gives a lab its hosts. */
export type OpenPair = (request: PairRequest) => Promise<HostPair>;

/** Does the same in both hosts, and waits for both even if one fails. Throws everything that went wrong. */
export function inBoth(work: (host: HostName) => Promise<unknown>): Promise<void> {
  return together([work('client'), work('server')]);
}

/** Waits for all, even if some fail, and then throws all errors. */
export async function together(works: readonly Promise<unknown>[]): Promise<void> {
  const outcomes = await Promise.allSettled(works);
  throwTogether(outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : [])));
}
