import { connecting, listening } from './opening.ts';
import type { Scenario } from './scenario.ts';

export const synReceived: Scenario = {
  id: 'syn-received',
  title: "a server's SYN-ACKs arrive, and the client's firewall drops them",
  held: { host: 'server', state: 'SYN-RECEIVED' },
  peer: 'SYN-SENT',
  heldBy: 'client drops in',
  arcs: { server: [3] },
  async reach(stage) {
    await listening(stage);
    await stage.client.setRule({ hook: 'in', sourcePort: stage.serverPort, fate: 'drop' });
    return (await connecting(stage)).connection;
  },
};
