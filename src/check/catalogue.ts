import { closesBeforeAnswer } from './client/closes-before-answer.ts';
import { cutWithoutCloseNotify } from './client/cut-without-close-notify.ts';
import { finCrossesRequest } from './client/fin-crosses-request.ts';
import { firstAddressDead, firstAddressRefuses, firstAddressUnreachable } from './client/first-address.ts';
import { isServed } from './client/is-served.ts';
import { leavesNothing } from './client/leaves-nothing.ts';
import { neverAccepted } from './client/never-accepted.ts';
import { neverAnswered } from './client/never-answered.ts';
import { poolDead } from './client/pool-dead.ts';
import { refused } from './client/refused.ts';
import { resetsInAnswer } from './client/resets-in-answer.ts';
import { retries } from './client/retries.ts';
import { stopsReading } from './client/stops-reading.ts';
import { synDropped } from './client/syn-dropped.ts';
import { unreachable } from './client/unreachable.ts';
import { vanishesInAnswer } from './client/vanishes-in-answer.ts';
import type { ClientBench } from './client-bench.ts';
import type { Probe } from './probe.ts';
import { clientLeaves } from './server/client-leaves.ts';
import { closeNotify } from './server/close-notify.ts';
import { drains } from './server/drains.ts';
import { halfFinishedHandshakes } from './server/half-finished-handshakes.ts';
import { idleTimeout } from './server/idle-timeout.ts';
import { keepsTimeWait } from './server/keeps-time-wait.ts';
import { manyConnections } from './server/many-connections.ts';
import { peerCloses } from './server/peer-closes.ts';
import { peerHalfCloses } from './server/peer-half-closes.ts';
import { peerResets } from './server/peer-resets.ts';
import { peerStopsReading } from './server/peer-stops-reading.ts';
import { peerVanishesIdle } from './server/peer-vanishes-idle.ts';
import { peerVanishesInFlight } from './server/peer-vanishes-in-flight.ts';
import { reload } from './server/reload.ts';
import { restarted } from './server/restarted.ts';
import { serves } from './server/serves.ts';
import { slowClients } from './server/slow-clients.ts';
import { slowReader } from './server/slow-reader.ts';
import { stopped } from './server/stopped.ts';
import { tooMany } from './server/too-many.ts';
import type { ServerBench } from './server-bench.ts';

/** The tests of a server, in the order in which they are reported: the healthy exchange is the first. */
export const SERVER_PROBES: readonly [Probe<ServerBench>, ...Probe<ServerBench>[]] = [
  serves,
  peerCloses,
  peerHalfCloses,
  peerResets,
  peerVanishesIdle,
  peerVanishesInFlight,
  peerStopsReading,
  slowClients,
  slowReader,
  clientLeaves,
  idleTimeout,
  manyConnections,
  tooMany,
  halfFinishedHandshakes,
  stopped,
  drains,
  restarted,
  reload,
  keepsTimeWait,
  closeNotify,
];

/** The tests of a client: the healthy exchange is the first. */
export const CLIENT_PROBES: readonly [Probe<ClientBench>, ...Probe<ClientBench>[]] = [
  isServed,
  synDropped,
  refused,
  unreachable,
  neverAnswered,
  closesBeforeAnswer,
  resetsInAnswer,
  vanishesInAnswer,
  neverAccepted,
  stopsReading,
  retries,
  finCrossesRequest,
  poolDead,
  firstAddressDead,
  firstAddressRefuses,
  firstAddressUnreachable,
  leavesNothing,
  cutWithoutCloseNotify,
];
