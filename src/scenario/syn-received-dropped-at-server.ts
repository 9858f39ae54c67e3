import { connecting, listening } from './opening.ts';
import type { Scenario } from './scenario.ts';

export const synReceivedDroppedAtServer: Scenario = {
  id: 'syn-received-dropped-at-server',
  title: "the server's firewall drops its outgoing SYN-ACKs",
  held: { host: 'server', state: 'SYN-RECEIVED' },
  peer: 'SYN-SENT',
  // The request goes at its first timer, for its SYN-ACK can't be sent again (net/ipv4/inet_connection_sock.c).
  brief: true,
  heldBy: 'server drops out',
  async reach(stage) {
    await listening(stage);
    await stage.server.setRule({ hook: 'out', sourcePort: stage.serverPort, fate: 'drop' });
    return (await connecting(stage)).connection;
  },
};
