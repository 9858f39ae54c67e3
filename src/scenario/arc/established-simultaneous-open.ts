import { simultaneousOpen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

/** The SYN-ACK that the client sends again after a second is the ACK for both. */
export const establishedSimultaneousOpen: Scenario = {
  id: 'established-simultaneous-open',
  title: 'both ends connect to each other, and each receives the other SYN',
  held: { host: 'client', state: 'ESTABLISHED' },
  peer: 'ESTABLISHED',
  heldBy: 'neither end closes',
  arcs: { client: [7, 12] },
  async reach(stage) {
    const { connection, rule } = await simultaneousOpen(stage);
    await stage.server.liftRule(rule);
    return connection;
  },
};
