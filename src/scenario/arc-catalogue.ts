import { closeWaitReset } from './arc/close-wait-reset.ts';
import { closingReset } from './arc/closing-reset.ts';
import { closingTimedOut } from './arc/closing-timed-out.ts';
import { establishedDestroyed } from './arc/established-destroyed.ts';
import { establishedKeepaliveTimedOut } from './arc/established-keepalive-timed-out.ts';
import { establishedReset } from './arc/established-reset.ts';
import { establishedSimultaneousOpen } from './arc/established-simultaneous-open.ts';
import { establishedTimedOut } from './arc/established-timed-out.ts';
import { finWait1Reset } from './arc/fin-wait-1-reset.ts';
import { finWait1SimultaneousOpen } from './arc/fin-wait-1-simultaneous-open.ts';
import { finWait1TimedOut } from './arc/fin-wait-1-timed-out.ts';
import { finWait2Reset } from './arc/fin-wait-2-reset.ts';
import { finWait2TimedOut } from './arc/fin-wait-2-timed-out.ts';
import { lastAckReset } from './arc/last-ack-reset.ts';
import { lastAckTimedOut } from './arc/last-ack-timed-out.ts';
import { listenClosed } from './arc/listen-closed.ts';
import { listenConnectRefused } from './arc/listen-connect-refused.ts';
import { synReceivedReset } from './arc/syn-received-reset.ts';
import { synReceivedSimultaneousOpenReset } from './arc/syn-received-simultaneous-open-reset.ts';
import { synReceivedTimedOut } from './arc/syn-received-timed-out.ts';
import { synSentClosed } from './arc/syn-sent-closed.ts';
import { synSentTimedOut } from './arc/syn-sent-timed-out.ts';
import { timeWaitEnded } from './arc/time-wait-ended.ts';
import { timeWaitReopened } from './arc/time-wait-reopened.ts';
import { timeWaitReset } from './arc/time-wait-reset.ts';
import { CATALOGUE } from './catalogue.ts';
import type { Scenario } from './scenario.ts';

/** Scenarios that are there for an arc that no state of the catalogue needs, in the order of the arcs. */
export const ARC_SCENARIOS: readonly Scenario[] = [
  listenConnectRefused,
  listenClosed,
  synSentTimedOut,
  synSentClosed,
  establishedSimultaneousOpen,
  synReceivedReset,
  synReceivedSimultaneousOpenReset,
  synReceivedTimedOut,
  finWait1SimultaneousOpen,
  establishedReset,
  establishedTimedOut,
  establishedKeepaliveTimedOut,
  establishedDestroyed,
  finWait1Reset,
  finWait1TimedOut,
  finWait2Reset,
  finWait2TimedOut,
  closingReset,
  closingTimedOut,
  closeWaitReset,
  lastAckReset,
  lastAckTimedOut,
  timeWaitEnded,
  timeWaitReset,
  timeWaitReopened,
];

/** All scenarios that are made to drive the arc of this number. */
export function scenariosDriving(arc: number): Scenario[] {
  return [...CATALOGUE, ...ARC_SCENARIOS].filter(({ arcs }) =>
    Object.values(arcs ?? {})
      .flat()
      .includes(arc),
  );
}
