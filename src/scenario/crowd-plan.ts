import { TcplabError } from '../error.ts';
import { type HostName, otherHost } from '../evidence/events.ts';
import { memoryAvailable, tcpPagesFree } from '../kernel/limits.ts';
import { type CrowdPartOptions, descriptorsFree, orphansAllowed } from '../lab/crowd.ts';
import { CONNECTIONS_A_SERVER_PORT, HIGHEST_PORT, serverPort } from '../lab/crowd-ports.ts';
import { CATALOGUE } from './catalogue.ts';
import type { CrowdStep } from './crowd-steps.ts';
import type { CatalogueScenario, Scenario } from './scenario.ts';

/**
 * So many connections go through all steps before the next ones begin: few enough for the accept queue, and to show how
 * far it is; enough that what is done once for each slice does not count.
 */
const SLICE = 128;
/** A step that waits for a state reads the whole table: not more often than so. */
const MOST_READS = 256;

/** A scenario to hold with many connections, checked against this machine's limits. */
export interface CrowdPlan extends CrowdPartOptions {
  scenario: Scenario;
  steps: readonly CrowdStep[];
  slice: number;
  /** How many descriptors a connection needs at most, on its way. */
  most: number;
}

/** How many connections of a scenario there are to be. */
export interface CrowdWish {
  scenario: Scenario;
  count: number;
}

/**
 * Plans crowds beside each other. With `heldAt`, that host has the held ends of all. Throws a TcplabError with code USAGE if
 * this machine can't hold so many, with the reason and the largest possible number.
 */
export function planCrowds(
  wishes: readonly CrowdWish[],
  firstServerPort: number,
  heldAt?: HostName,
): CrowdPlan[] {
  let port = firstServerPort;
  const free = freeHere();
  return wishes.map(({ scenario, count }) => {
    const steps = stepsOf(scenario);
    const needs = needsOf(steps);
    const [greatest, why] = ceilingOf(needs, free, port);
    if (count > greatest) {
      throw new TcplabError(
        'USAGE',
        `--count ${count} is too many for ${scenario.id}: at most ${Math.max(0, greatest)} here`,
        { hint: why },
      );
    }
    const plan: CrowdPlan = {
      scenario,
      steps,
      count,
      most: needs.most,
      slice: sliceOf(steps, count, Math.floor(free.descriptors / needs.most)),
      firstServerPort: port,
      swapped: heldAt !== undefined && scenario.held.host !== heldAt,
    };
    port = serverPort(port, count - 1) + 1;
    free.orphans -= count * needs.orphans;
    free.bytes -= count * needs.bytes;
    free.pages -= count * needs.pages;
    return plan;
  });
}

function sliceOf(steps: readonly CrowdStep[], count: number, most: number): number {
  const reads = steps.some((step) => step.do === 'see');
  const wanted = reads ? Math.max(SLICE, Math.ceil(count / MOST_READS)) : SLICE;
  return Math.min(wanted, most);
}

/** What this machine has; infinite where that can't be read. */
function freeHere() {
  return {
    descriptors: descriptorsFree(),
    orphans: orphansAllowed() ?? Number.POSITIVE_INFINITY,
    bytes: memoryAvailable(),
    pages: tcpPagesFree() ?? Number.POSITIVE_INFINITY,
  };
}

function stepsOf(scenario: Scenario | CatalogueScenario): readonly CrowdStep[] {
  const others = scenario.box
    ? 'a box has one connection between its hosts'
    : 'it exists for a transition that leaves its state';
  const steps = 'crowd' in scenario ? scenario.crowd : others;
  if (typeof steps !== 'string') return steps;
  const countable = CATALOGUE.filter(({ crowd }) => typeof crowd !== 'string');
  throw new TcplabError('USAGE', `${scenario.id} can't be held many times over: ${steps}`, {
    hint: `--count can be combined with ${countable.map(({ id }) => id).join(', ')}`,
  });
}

/** Each keeps what this process may have open at a time. */
const MOST_KEEPERS = 1000;

/** The greatest number that this machine can have, and what limits it. */
function ceilingOf(
  needs: Needs,
  free: ReturnType<typeof freeHere>,
  firstServerPort: number,
): [greatest: number, why: string] {
  const { most, kept, orphans, bytes, pages } = needs;
  const ports = HIGHEST_PORT - firstServerPort + 1;
  const limits: [greatest: number, why: string][] = [
    [
      ports * CONNECTIONS_A_SERVER_PORT,
      `each port of the server takes at most ${CONNECTIONS_A_SERVER_PORT} connections, and ${ports} ports are left up to ${HIGHEST_PORT}; choose a lower --port`,
    ],
    [
      free.descriptors < most ? 0 : Math.floor(free.descriptors / kept) * MOST_KEEPERS,
      `this process may have only ${Math.max(0, free.descriptors)} more descriptors open at a time; raise the hard limit (\`ulimit -Hn\`)`,
    ],
    [
      Math.floor(free.orphans / orphans),
      `each leaves ${orphans === 1 ? 'a socket' : `${orphans} sockets`} without a descriptor; raise sysctl net.ipv4.tcp_max_orphans`,
    ],
    [
      Math.floor(free.bytes / bytes),
      `${Math.floor(free.bytes / 2 ** 20)} MiB of memory are available, and each takes about ${Math.ceil(bytes / 1024)} KiB`,
    ],
    [
      Math.floor(free.pages / pages),
      `each keeps ${pages === 1 ? 'a page' : `${pages} pages`} of the memory that all TCP sockets of the machine share, and ${free.pages} pages are free before the kernel limits them; raise sysctl net.ipv4.tcp_mem`,
    ],
  ];
  // A resource that no connection needs does not limit: its quotient is infinite.
  return limits.reduce((least, limit) => (limit[0] < least[0] ? limit : least));
}

/** What a socket takes with its descriptor, and what anything smaller does (TIME-WAIT): measured on Linux 6.18. */
const SOCKET_BYTES = 4400;
const SMALL_BYTES = 600;

interface Needs {
  /** Descriptors, at most on its way and in the end. */
  most: number;
  kept: number;
  /** Sockets without one, in the end, that wait for an answer. */
  orphans: number;
  /** Of memory. */
  bytes: number;
  /** Pages of the memory that the kernel has for TCP: for a segment that is not acknowledged, or a FIN that no program reads. */
  pages: number;
}

/** What one connection needs. */
function needsOf(steps: readonly CrowdStep[]): Needs {
  const open: Record<HostName, number> = { client: 0, server: 0 };
  let queued = 0;
  const unread: Record<HostName, number> = { client: 0, server: 0 };
  const count = (...names: CrowdStep['do'][]) => steps.filter((step) => names.includes(step.do)).length;
  const isAccepted = count('accept') > 0;
  let most = 0;
  for (const step of steps) {
    if (step.do === 'connect' || step.do === 'accept') open[step.at] = 1;
    // The server's socket is there, without a descriptor.
    if (step.do === 'connect' && step.at === 'client' && !isAccepted) queued = 1;
    if (step.do === 'close' || step.do === 'abort') open[step.at] = 0;
    if (step.do === 'close' || step.do === 'shutdown') unread[otherHost(step.at)] = 1;
    if (step.do === 'receive') unread[step.at] = 0;
    most = Math.max(most, open.client + open.server);
  }
  // The kernel keeps segments that no reply can acknowledge, to retransmit them.
  const isUnanswered = count('drop') > 0 && count('lift') === 0;
  const orphans = isUnanswered ? count('close') : 0;
  const pages = isUnanswered
    ? count('close', 'shutdown') + (isAccepted ? 0 : count('connect'))
    : open.client * unread.client + (open.server + queued) * unread.server;
  const kept = open.client + open.server;
  const bytes = (kept + queued + orphans) * SOCKET_BYTES + SMALL_BYTES;
  return { most, kept, orphans, bytes, pages };
}
