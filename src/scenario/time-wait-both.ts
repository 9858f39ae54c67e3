import { type Connection, endOf } from '../evidence/connection.ts';
import { rowOf } from '../evidence/witness/socket-table.ts';
import {
  connectToShutDown,
  ctrlC,
  endWatch,
  liftRule,
  serve,
  setRule,
  shutDown,
  TO_SERVER,
  UNAWARE,
  watch,
} from './by-hand/steps.ts';
import { clients, drop, OPEN, see, servers } from './crowd-steps.ts';
import { HANDSHAKE, toServer } from './explanation.ts';
import { established, seen } from './opening.ts';
import type { CatalogueScenario } from './scenario.ts';
import type { Stage } from './stage.ts';

/** As `closing`, until the rule is removed: then the client's retransmitted FIN acknowledges the server's FIN. */
export const timeWaitBoth: CatalogueScenario = {
  id: 'time-wait-both',
  title: 'both ends close at the same time, and each receives the other FIN',
  held: { host: 'client', state: 'TIME-WAIT' },
  peer: 'TIME-WAIT',
  heldBy: 'the kernel: 2 MSL, 60 s',
  conditions: [],
  waits: true,
  ours: { server: "it must close before it receives the client's FIN" },
  arcs: { client: [32], server: [26] },
  async reach(stage) {
    const { connection, clientSocket, serverSocket } = await established(stage);
    const startMs = stage.nowMs();
    const rule = await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate: 'drop' });
    // Removing the rule takes about as long.
    const ruleMs = stage.nowMs() - startMs;
    await stage.client.shutdown(clientSocket);
    await seen(stage, connection, 'client', 'FIN-WAIT-1');
    await stage.server.close(serverSocket);
    await seen(stage, connection, 'client', 'CLOSING');
    await stage.waitFor({ failure: 'the client did not retransmit its FIN' }, () =>
      isClientNext(stage, connection, 2 * ruleMs),
    );
    await stage.server.liftRule(rule);
    return connection;
  },
  explanation: {
    steps: [
      HANDSHAKE,
      'A rule on the server drops incoming segments for its port.',
      'The client shuts down, and the server closes. The client is in CLOSING.',
      "The rule is removed. The client's retransmitted FIN takes both ends to TIME-WAIT.",
    ],
    rules: [toServer('server', 'in')],
    peer: 'The server is in TIME-WAIT too.',
    remark: 'After a simultaneous close both ends wait, because both closed first.',
  },
  byHand: {
    steps: [
      watch('server'),
      serve,
      connectToShutDown,
      setRule('server', 'in', TO_SERVER),
      { ...shutDown, see: UNAWARE },
      ctrlC('server', 'nc', { client: ['CLOSING'], server: ['FIN-WAIT-1'] }),
      {
        ...liftRule('server', 'in', TO_SERVER),
        see: { client: ['TIME-WAIT'], server: ['TIME-WAIT'] },
        note: "the retransmitted FIN also acknowledges the server's FIN",
      },
    ],
    cleanUp: [endWatch('server')],
  },
  crowd: [
    ...OPEN,
    drop('server', 'in'),
    clients('shutdown'),
    servers('close'),
    see('client', 'CLOSING'),
    { do: 'lift' },
  ],
  sabotage: {
    rules: {
      unset:
        /the client (was not seen in (FIN-WAIT-1|CLOSING)|did not retransmit its FIN)|; socket-table saw client TIME-WAIT, server CLOSED/,
      removed: null,
    },
    call: 'no program holds a socket that could change it',
    condition: null,
  },
};

/** The table has whole jiffies: it does not show which of two timers fires first if they are this close. */
const JIFFY_MS = 10;

/**
 * Whether the client retransmits next. If the server did, the client's ACK would take it to FIN-WAIT-2. On one machine the
 * client's timer, which started earlier, always fires first; if a call takes longer than the timer, the order is chance.
 * Both timers double each time, so in the end there is time enough to remove a rule in between.
 */
async function isClientNext(stage: Stage, connection: Connection, neededMs: number): Promise<boolean> {
  const startMs = stage.nowMs();
  const { client, server } = await stage.observe();
  const lookMs = stage.nowMs() - startMs;
  const clientMs = rowOf(client, endOf(connection, 'client', 'CLOSING'))?.expiresMs;
  const serverMs = rowOf(server, endOf(connection, 'server', 'FIN-WAIT-1'))?.expiresMs;
  // A program's end may go its own way.
  if (clientMs == null || serverMs == null) return true;
  return clientMs > neededMs + 3 * lookMs && serverMs - clientMs > lookMs - JIFFY_MS;
}
