import { listening } from './opening.ts';
import { refused } from './refusal.ts';
import type { Scenario } from './scenario.ts';

export const closedRejectedRst: Scenario = {
  id: 'closed-rejected-rst',
  title: "the server's firewall answers a client's SYN with RST",
  held: { host: 'client', state: 'CLOSED' },
  peer: 'LISTEN',
  heldBy: 'server rejects in',
  async reach(stage) {
    await listening(stage);
    await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate: 'reject with RST' });
    return (await refused(stage, 'RST')).connection;
  },
};
