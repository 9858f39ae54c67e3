import { closeWaitDestroyed } from './arc/close-wait-destroyed.ts';
import { closeWaitKeepaliveTimedOut } from './arc/close-wait-keepalive-timed-out.ts';
import { closeWaitReset } from './arc/close-wait-reset.ts';
import { closeWaitTimedOut } from './arc/close-wait-timed-out.ts';
import { closeWaitUserTimeout } from './arc/close-wait-user-timeout.ts';
import { closingAborted } from './arc/closing-aborted.ts';
import { closingDestroyed } from './arc/closing-destroyed.ts';
import { closingReset } from './arc/closing-reset.ts';
import { closingTimedOut } from './arc/closing-timed-out.ts';
import { closingUserTimeout } from './arc/closing-user-timeout.ts';
import { establishedDestroyed } from './arc/established-destroyed.ts';
import { establishedKeepaliveTimedOut } from './arc/established-keepalive-timed-out.ts';
import { establishedReset } from './arc/established-reset.ts';
import { establishedSimultaneousOpen } from './arc/established-simultaneous-open.ts';
import { establishedTimedOut } from './arc/established-timed-out.ts';
import { establishedUserTimeout } from './arc/established-user-timeout.ts';
import { finWait1Aborted } from './arc/fin-wait-1-aborted.ts';
import { finWait1DataAfterClose } from './arc/fin-wait-1-data-after-close.ts';
import { finWait1Destroyed } from './arc/fin-wait-1-destroyed.ts';
import { finWait1Reset } from './arc/fin-wait-1-reset.ts';
import { finWait1SimultaneousOpen } from './arc/fin-wait-1-simultaneous-open.ts';
import { finWait1TimedOut } from './arc/fin-wait-1-timed-out.ts';
import { finWait1UserTimeout } from './arc/fin-wait-1-user-timeout.ts';
import { finWait2Aborted } from './arc/fin-wait-2-aborted.ts';
import { finWait2DataAfterClose } from './arc/fin-wait-2-data-after-close.ts';
import { finWait2Destroyed } from './arc/fin-wait-2-destroyed.ts';
import { finWait2KeepaliveTimedOut } from './arc/fin-wait-2-keepalive-timed-out.ts';
import { finWait2Reset } from './arc/fin-wait-2-reset.ts';
import { finWait2Syn } from './arc/fin-wait-2-syn.ts';
import { finWait2TimedOut } from './arc/fin-wait-2-timed-out.ts';
import { finWait2UserTimeout } from './arc/fin-wait-2-user-timeout.ts';
import { lastAckAborted } from './arc/last-ack-aborted.ts';
import { lastAckDestroyed } from './arc/last-ack-destroyed.ts';
import { lastAckReset } from './arc/last-ack-reset.ts';
import { lastAckTimedOut } from './arc/last-ack-timed-out.ts';
import { lastAckUserTimeout } from './arc/last-ack-user-timeout.ts';
import { listenAborted } from './arc/listen-aborted.ts';
import { listenClosed } from './arc/listen-closed.ts';
import { listenConnectRefused } from './arc/listen-connect-refused.ts';
import { listenDestroyed } from './arc/listen-destroyed.ts';
import { listenSendRefused } from './arc/listen-send-refused.ts';
import { synReceivedDestroyed } from './arc/syn-received-destroyed.ts';
import { synReceivedIcmp } from './arc/syn-received-icmp.ts';
import { synReceivedReset } from './arc/syn-received-reset.ts';
import { synReceivedSimultaneousOpenAborted } from './arc/syn-received-simultaneous-open-aborted.ts';
import { synReceivedSimultaneousOpenDestroyed } from './arc/syn-received-simultaneous-open-destroyed.ts';
import { synReceivedSimultaneousOpenIcmp } from './arc/syn-received-simultaneous-open-icmp.ts';
import { synReceivedSimultaneousOpenReset } from './arc/syn-received-simultaneous-open-reset.ts';
import { synReceivedSyn } from './arc/syn-received-syn.ts';
import { synReceivedTimedOut } from './arc/syn-received-timed-out.ts';
import { synReceivedUserTimeout } from './arc/syn-received-user-timeout.ts';
import { synSentAborted } from './arc/syn-sent-aborted.ts';
import { synSentClosed } from './arc/syn-sent-closed.ts';
import { synSentDestroyed } from './arc/syn-sent-destroyed.ts';
import { synSentTimedOut } from './arc/syn-sent-timed-out.ts';
import { synSentUserTimeout } from './arc/syn-sent-user-timeout.ts';
import { timeWaitAborted } from './arc/time-wait-aborted.ts';
import { timeWaitDestroyed } from './arc/time-wait-destroyed.ts';
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
  listenSendRefused,
  listenAborted,
  listenDestroyed,
  synSentAborted,
  synSentDestroyed,
  synSentUserTimeout,
  synReceivedSyn,
  synReceivedIcmp,
  synReceivedDestroyed,
  synReceivedSimultaneousOpenIcmp,
  synReceivedSimultaneousOpenAborted,
  synReceivedSimultaneousOpenDestroyed,
  synReceivedUserTimeout,
  establishedUserTimeout,
  finWait1DataAfterClose,
  finWait1Aborted,
  finWait1Destroyed,
  finWait1UserTimeout,
  finWait2DataAfterClose,
  finWait2Syn,
  finWait2Aborted,
  finWait2Destroyed,
  finWait2KeepaliveTimedOut,
  finWait2UserTimeout,
  closeWaitTimedOut,
  closeWaitKeepaliveTimedOut,
  closeWaitUserTimeout,
  closeWaitDestroyed,
  closingAborted,
  closingDestroyed,
  closingUserTimeout,
  lastAckAborted,
  lastAckDestroyed,
  lastAckUserTimeout,
  timeWaitAborted,
  timeWaitDestroyed,
];

/** All scenarios that are made to drive the arc of this number. */
export function scenariosDriving(arc: number): Scenario[] {
  return [...CATALOGUE, ...ARC_SCENARIOS].filter(({ arcs }) =>
    Object.values(arcs ?? {})
      .flat()
      .includes(arc),
  );
}
