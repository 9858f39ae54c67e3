import { connecting, listening } from './opening.ts';
import type { Scenario } from './scenario.ts';

export const synSentDroppedAtClient: Scenario = {
  id: 'syn-sent-dropped-at-client',
  title: "the client's firewall drops its outgoing SYNs",
  held: { host: 'client', state: 'SYN-SENT' },
  peer: 'LISTEN',
  heldBy: 'client drops out',
  async reach(stage) {
    await listening(stage);
    await stage.client.setRule({ hook: 'out', destinationPort: stage.serverPort, fate: 'drop' });
    return (await connecting(stage)).connection;
  },
};
