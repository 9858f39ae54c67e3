import { clientInTimeWait } from '../inside.ts';
import type { Scenario } from '../scenario.ts';

/** TIME-WAIT is a structure of its own, without a descriptor (tcp_minisocks.c, tcp_time_wait): that it stays is the proof. */
export const timeWaitAborted: Scenario = {
  id: 'time-wait-aborted',
  title: 'a client aborts a socket whose connection is in TIME-WAIT, and TIME-WAIT stays',
  held: { host: 'client', state: 'TIME-WAIT' },
  peer: 'CLOSED',
  heldBy: 'the wait of 60 s',
  arcs: { client: [78] },
  async reach(stage) {
    const { connection, socket } = await clientInTimeWait(stage);
    await stage.client.abort(socket);
    return connection;
  },
};
