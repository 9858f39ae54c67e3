import { connecting, listening } from './opening.ts';
import type { Scenario } from './scenario.ts';

export const synSent: Scenario = {
  id: 'syn-sent',
  title: "a client's SYNs arrive, and the server's firewall drops them",
  held: { host: 'client', state: 'SYN-SENT' },
  peer: 'LISTEN',
  heldBy: 'server drops in',
  arcs: { client: [2] },
  async reach(stage) {
    await listening(stage);
    await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, fate: 'drop' });
    return (await connecting(stage)).connection;
  },
};
