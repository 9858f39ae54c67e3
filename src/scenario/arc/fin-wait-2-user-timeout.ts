import { clientInFinWait2, probeInVain } from '../inside.ts';
import type { Scenario } from '../scenario.ts';

export const finWait2UserTimeout: Scenario = {
  id: 'fin-wait-2-user-timeout',
  title: 'a client has shut down, and its user timeout ends the keepalive probes',
  held: { host: 'client', state: 'CLOSED' },
  peer: 'CLOSE-WAIT',
  heldBy: 'server drops in',
  arcs: { client: [67] },
  async reach(stage) {
    const inside = await clientInFinWait2(stage);
    await probeInVain(stage, 'client', inside, 1500);
    return inside.connection;
  },
};
