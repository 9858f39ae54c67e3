import { craftReset } from '../crafted-reset.ts';
import { seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';
import { timeWait } from '../time-wait.ts';

/** TIME-WAIT assassination (RFC 1337): Linux lets it happen unless tcp_rfc1337 is 1. */
export const timeWaitReset: Scenario = {
  id: 'time-wait-reset',
  title: 'an RST ends TIME-WAIT, because tcp_rfc1337 is 0',
  held: { host: 'client', state: 'CLOSED' },
  peer: 'CLOSED',
  heldBy: 'the connection was reset',
  arcs: { client: [42] },
  async reach(stage) {
    const connection = await timeWait.reach(stage);
    await seen(stage, connection, 'client', 'TIME-WAIT');
    await craftReset(stage, connection, 'server');
    return connection;
  },
};
