import { craftReset } from '../crafted-reset.ts';
import { seen, simultaneousOpen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

export const synReceivedSimultaneousOpenReset: Scenario = {
  id: 'syn-received-simultaneous-open-reset',
  title: 'an RST ends a simultaneous open',
  held: { host: 'client', state: 'CLOSED' },
  peer: 'SYN-SENT',
  heldBy: 'the connection was reset',
  arcs: { client: [14] },
  async reach(stage) {
    const { connection } = await simultaneousOpen(stage);
    await seen(stage, connection, 'client', 'SYN-RECEIVED');
    await craftReset(stage, connection, 'server');
    return connection;
  },
};
