import { probeInVain, serverInCloseWait } from '../inside.ts';
import type { Scenario } from '../scenario.ts';

export const closeWaitKeepaliveTimedOut: Scenario = {
  id: 'close-wait-keepalive-timed-out',
  title: 'the client has shut down, and answers no keepalive probe of the server',
  held: { host: 'server', state: 'CLOSED' },
  peer: 'FIN-WAIT-2',
  heldBy: 'client drops in',
  arcs: { server: [69] },
  async reach(stage) {
    const inside = await serverInCloseWait(stage);
    await probeInVain(stage, 'server', inside);
    return inside.connection;
  },
};
