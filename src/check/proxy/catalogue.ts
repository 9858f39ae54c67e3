import type { ProxyProbe } from '../proxy-bench.ts';
import { clientCloses, serverCloses } from './close.ts';
import { clientHalfCloses, serverHalfCloses } from './half-close.ts';
import { idle } from './idle.ts';
import { clientSendsMuch, serverSendsMuch } from './large.ts';
import { many } from './many.ts';
import { refused, unreachable } from './no-server.ts';
import { passes } from './passes.ts';
import { clientResets, clientResetsIdle, serverResets, serverResetsIdle } from './reset.ts';
import { stopped } from './stopped.ts';
import { clientStopsReading, serverStopsReading } from './stops-reading.ts';
import { clientVanishes, clientVanishesInFlight, serverVanishes, serverVanishesInFlight } from './vanish.ts';

/** The tests of a relay, in the order in which they are reported: the healthy exchange is the first. */
export const PROXY_PROBES: readonly [ProxyProbe, ...ProxyProbe[]] = [
  passes,
  clientHalfCloses,
  serverHalfCloses,
  clientCloses,
  serverCloses,
  clientResets,
  serverResets,
  clientResetsIdle,
  serverResetsIdle,
  refused,
  unreachable,
  clientStopsReading,
  serverStopsReading,
  clientVanishes,
  serverVanishes,
  clientVanishesInFlight,
  serverVanishesInFlight,
  idle,
  clientSendsMuch,
  serverSendsMuch,
  many,
  stopped,
];
