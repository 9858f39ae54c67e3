import { simultaneousOpen } from './opening.ts';
import type { Scenario } from './scenario.ts';

export const synReceivedSimultaneousOpen: Scenario = {
  id: 'syn-received-simultaneous-open',
  title: 'both ends connect to each other, and only the client receives the other SYN',
  held: { host: 'client', state: 'SYN-RECEIVED' },
  peer: 'SYN-SENT',
  heldBy: 'server drops in',
  ours: {
    client: 'both ends must connect from a known port',
    server: 'both ends must connect from a known port',
  },
  arcs: { client: [7] },
  reach: async (stage) => (await simultaneousOpen(stage)).connection,
};
