import { TcplabError } from '../error.ts';
import type { HostName } from '../evidence/events.ts';
import { CROWD_PORTS } from '../lab/client-ports.ts';
import { type CrowdOptions, descriptorsFree, orphansAllowed } from '../lab/crowd.ts';
import { CATALOGUE } from './catalogue.ts';
import type { CrowdStep } from './crowd-steps.ts';
import type { CatalogueScenario, Scenario } from './scenario.ts';

/**
 * So many connections go through all steps before the next ones begin: few enough for the accept queue, and to show how
 * far it is; enough that what is done once for each slice does not count.
 */
export const SLICE = 128;

/** A scenario that is to be held many times over, after it was made sure that this machine can. */
export interface CrowdPlan extends Pick<CrowdOptions, 'count' | 'descriptors'> {
  scenario: Scenario;
  steps: readonly CrowdStep[];
}

/** Throws a TcplabError with code USAGE when it can't be done, with the reason and the greatest number that can. */
export function planCrowd(scenario: Scenario | CatalogueScenario, count: number): CrowdPlan {
  const steps = 'crowd' in scenario ? scenario.crowd : 'it exists for a transition that leaves its state';
  if (typeof steps === 'string') {
    const countable = CATALOGUE.filter(({ crowd }) => typeof crowd !== 'string');
    throw new TcplabError('USAGE', `${scenario.id} can't be held many times over: ${steps}`, {
      hint: `--count can be combined with ${countable.map(({ id }) => id).join(', ')}`,
    });
  }
  const { kept, most, orphans } = needsOf(steps);
  const limits: [greatest: number, why: string][] = [
    [
      CROWD_PORTS.last - CROWD_PORTS.first + 1,
      `each has a client port of its own, from ${CROWD_PORTS.first} to ${CROWD_PORTS.last}`,
    ],
    [
      kept === 0 ? Number.POSITIVE_INFINITY : Math.floor((descriptorsFree() - (most - kept) * SLICE) / kept),
      `each keeps ${kept === 1 ? 'a descriptor' : `${kept} descriptors`} open in this process; raise the hard limit (\`ulimit -Hn\`)`,
    ],
    [
      orphans === 0
        ? Number.POSITIVE_INFINITY
        : Math.floor((orphansAllowed() ?? Number.POSITIVE_INFINITY) / orphans),
      `each leaves ${orphans === 1 ? 'a socket' : `${orphans} sockets`} without a descriptor; raise sysctl net.ipv4.tcp_max_orphans`,
    ],
  ];
  const [greatest, why] = limits.reduce((least, limit) => (limit[0] < least[0] ? limit : least));
  if (count > greatest) {
    throw new TcplabError(
      'USAGE',
      `--count ${count} is too many for ${scenario.id}: at most ${Math.max(0, greatest)} here`,
      {
        hint: why,
      },
    );
  }
  return { scenario, steps, count, descriptors: count * kept + Math.min(count, SLICE) * (most - kept) };
}

/** What a connection needs: descriptors in the end and at most, and sockets without one that wait for an answer. */
function needsOf(steps: readonly CrowdStep[]): { kept: number; most: number; orphans: number } {
  const open: Record<HostName, number> = { client: 0, server: 0 };
  let [most, orphans] = [0, 0];
  // A FIN that can't be answered is sent again and again.
  const isUnanswered = steps.some((step) => step.do === 'drop') && !steps.some((step) => step.do === 'lift');
  for (const step of steps) {
    if (step.do === 'connect' || step.do === 'accept') open[step.at] = 1;
    if (step.do === 'close' || step.do === 'abort') open[step.at] = 0;
    if (step.do === 'close' && isUnanswered) orphans++;
    most = Math.max(most, open.client + open.server);
  }
  return { kept: open.client + open.server, most, orphans };
}
