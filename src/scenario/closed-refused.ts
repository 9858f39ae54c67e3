import { refused } from './refusal.ts';
import type { Scenario } from './scenario.ts';

export const closedRefused: Scenario = {
  id: 'closed-refused',
  title: 'a client connects to a port without a listener',
  held: { host: 'client', state: 'CLOSED' },
  peer: 'CLOSED',
  heldBy: 'no listener',
  ours: { server: 'no program may listen' },
  arcs: { client: [8] },
  conditions: ['refused-by-peer'],
  async reach(stage) {
    return (await refused(stage, 'no listener')).connection;
  },
};
