import { ABORTED } from './arc/aborted.ts';
import { CLOSED } from './arc/closed.ts';
import { DATA_AFTER_CLOSE } from './arc/data-after-close.ts';
import { DESTROYED } from './arc/destroyed.ts';
import { HANDSHAKE } from './arc/handshake.ts';
import { ICMP } from './arc/icmp.ts';
import { KEEPALIVE_TIMED_OUT } from './arc/keepalive-timed-out.ts';
import { REFUSED } from './arc/refused.ts';
import { RESET } from './arc/reset.ts';
import { TIMED_OUT } from './arc/timed-out.ts';
import { USER_TIMEOUT } from './arc/user-timeout.ts';
import { CATALOGUE } from './catalogue.ts';
import type { ArcScenario, Scenario } from './scenario.ts';

/** Scenarios that exist for an arc that no state of the catalogue needs, in the order of the arcs. */
export const ARC_SCENARIOS: readonly ArcScenario[] = [
  ABORTED,
  CLOSED,
  DATA_AFTER_CLOSE,
  DESTROYED,
  HANDSHAKE,
  ICMP,
  KEEPALIVE_TIMED_OUT,
  REFUSED,
  RESET,
  TIMED_OUT,
  USER_TIMEOUT,
]
  .flat()
  .sort((one, other) => (arcsOf(one)[0] ?? 0) - (arcsOf(other)[0] ?? 0));

/** All scenarios that are made to drive the arc of this number. */
export function scenariosDriving(arc: number): Scenario[] {
  return [...CATALOGUE, ...ARC_SCENARIOS].filter((scenario) => arcsOf(scenario).includes(arc));
}

/** The first is the one that it exists for. */
function arcsOf({ arcs = {} }: Scenario): number[] {
  return Object.values(arcs).flat();
}
