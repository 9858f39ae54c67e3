import { clientInFinWait2, probeInVain } from '../inside.ts';
import type { Scenario } from '../scenario.ts';

export const finWait2KeepaliveTimedOut: Scenario = {
  id: 'fin-wait-2-keepalive-timed-out',
  title: 'a client has shut down, and the server answers no keepalive probe',
  held: { host: 'client', state: 'CLOSED' },
  peer: 'CLOSE-WAIT',
  heldBy: 'server drops in',
  arcs: { client: [66] },
  async reach(stage) {
    const inside = await clientInFinWait2(stage);
    await probeInVain(stage, 'client', inside);
    return inside.connection;
  },
};
