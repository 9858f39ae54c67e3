import { craftReset } from '../crafted-reset.ts';
import { connecting, listening, seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';

export const synReceivedReset: Scenario = {
  id: 'syn-received-reset',
  title: 'an RST ends a handshake, and the server still listens',
  held: { host: 'server', state: 'LISTEN' },
  peer: 'SYN-SENT',
  heldBy: 'the server listens',
  arcs: { server: [13] },
  async reach(stage) {
    await listening(stage);
    await stage.client.setRule({ hook: 'in', sourcePort: stage.serverPort, fate: 'drop' });
    const { connection } = await connecting(stage);
    await seen(stage, connection, 'server', 'SYN-RECEIVED');
    // The client sends its SYN again after a second, and the server would be there once more.
    await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, flags: 'S', fate: 'drop' });
    await craftReset(stage, connection, 'client');
    return connection;
  },
};
