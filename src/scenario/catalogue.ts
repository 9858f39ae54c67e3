import { mustFit } from '../evidence/arguments.ts';
import { text } from '../evidence/shape.ts';
import { parseState, type State } from '../tcp/state.ts';
import { acceptQueueFull } from './accept-queue-full.ts';
import { bound } from './bound.ts';
import { closeWait } from './close-wait.ts';
import { closeWaitNeverAccepted } from './close-wait-never-accepted.ts';
import { closeWaitSending } from './close-wait-sending.ts';
import { closedRefused } from './closed-refused.ts';
import { closedRejectedIcmp } from './closed-rejected-icmp.ts';
import { closedRejectedRst } from './closed-rejected-rst.ts';
import { closing } from './closing.ts';
import { established } from './established.ts';
import { establishedFastOpen } from './established-fast-open.ts';
import { finWait1 } from './fin-wait-1.ts';
import { finWait1BehindData } from './fin-wait-1-behind-data.ts';
import { finWait1DescriptorOpen } from './fin-wait-1-descriptor-open.ts';
import { finWait2 } from './fin-wait-2.ts';
import { finWait2Orphaned } from './fin-wait-2-orphaned.ts';
import { halfOpen } from './half-open.ts';
import { lastAck } from './last-ack.ts';
import { lastAckBehindData } from './last-ack-behind-data.ts';
import { listen } from './listen.ts';
import type { CatalogueScenario, Scenario } from './scenario.ts';
import { selfConnect } from './self-connect.ts';
import { synFlood } from './syn-flood.ts';
import { synReceived } from './syn-received.ts';
import { synReceivedAcceptQueueFull } from './syn-received-accept-queue-full.ts';
import { synReceivedDeferred } from './syn-received-deferred.ts';
import { synReceivedDroppedAtServer } from './syn-received-dropped-at-server.ts';
import { synReceivedSimultaneousOpen } from './syn-received-simultaneous-open.ts';
import { synSent } from './syn-sent.ts';
import { synSentDroppedAtClient } from './syn-sent-dropped-at-client.ts';
import { timeWait } from './time-wait.ts';
import { timeWaitBoth } from './time-wait-both.ts';
import { timeWaitFourSegments } from './time-wait-four-segments.ts';
import { timeWaitReused } from './time-wait-reused.ts';
import { zeroWindow } from './zero-window.ts';

/** All scenarios, in the order in which a connection lives. */
export const CATALOGUE: readonly CatalogueScenario[] = [
  listen,
  synSent,
  synSentDroppedAtClient,
  synReceived,
  synReceivedDroppedAtServer,
  synReceivedSimultaneousOpen,
  synReceivedAcceptQueueFull,
  synReceivedDeferred,
  synFlood,
  established,
  establishedFastOpen,
  selfConnect,
  halfOpen,
  finWait1,
  finWait1DescriptorOpen,
  finWait1BehindData,
  closeWait,
  closeWaitNeverAccepted,
  closeWaitSending,
  finWait2,
  finWait2Orphaned,
  closing,
  lastAck,
  lastAckBehindData,
  timeWait,
  timeWaitFourSegments,
  timeWaitBoth,
  timeWaitReused,
  closedRefused,
  closedRejectedRst,
  closedRejectedIcmp,
  bound,
  acceptQueueFull,
  zeroWindow,
];

/** The scenario of that name, or all that hold a state of that name in any spelling. Empty when there is none. */
export function findScenarios(name: string): Scenario[] {
  mustFit('findScenarios() name', text(), name, "example: findScenarios('close-wait')");
  const scenario = CATALOGUE.find(({ id }) => id === name);
  if (scenario) return [scenario];
  const state = parseState(name);
  return state ? scenariosOf(state) : [];
}

export function scenariosOf(state: State): CatalogueScenario[] {
  return CATALOGUE.filter(({ held }) => held.state === state);
}
