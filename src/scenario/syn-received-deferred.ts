import { connecting, listening } from './opening.ts';
import type { Scenario } from './scenario.ts';

/** With TCP_DEFER_ACCEPT the kernel drops the final ACK and waits for data (tcp_minisocks.c, tcp_check_req). */
export const synReceivedDeferred: Scenario = {
  id: 'syn-received-deferred',
  title: 'a client connects and sends nothing, and the server defers the connection until data arrives',
  held: { host: 'server', state: 'SYN-RECEIVED' },
  peer: 'ESTABLISHED',
  heldBy: 'TCP_DEFER_ACCEPT of the server',
  conditions: ['accept-deferred'],
  ours: { client: 'it must send nothing', server: 'it must set TCP_DEFER_ACCEPT' },
  async reach(stage) {
    await listening(stage, { deferS: 30 });
    return (await connecting(stage)).connection;
  },
};
