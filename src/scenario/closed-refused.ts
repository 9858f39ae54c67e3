import { refused } from './refusal.ts';
import type { Scenario } from './scenario.ts';

export const closedRefused: Scenario = {
  id: 'closed-refused',
  title: 'a client connects to a port on which nobody listens',
  held: { host: 'client', state: 'CLOSED' },
  peer: 'CLOSED',
  heldBy: 'nobody listens',
  ours: { server: 'nobody may listen' },
  arcs: { client: [8] },
  async reach(stage) {
    return (await refused(stage, 'no listener')).connection;
  },
};
