import type { Endpoint } from '../tcp/endpoint.ts';
import { connecting, listening, seen } from './opening.ts';
import type { Scenario } from './scenario.ts';

/**
 * The final ACK finds the accept queue full, and the kernel drops it (tcp_minisocks.c, tcp_check_req, listen_overflow). A SYN
 * that finds it full is dropped too, so the request must be there before.
 */
export const synReceivedAcceptQueueFull: Scenario = {
  id: 'syn-received-accept-queue-full',
  title: 'a handshake completes at the client, and the server has no space in its accept queue',
  held: { host: 'server', state: 'SYN-RECEIVED' },
  peer: 'ESTABLISHED',
  heldBy: 'the server never accepts',
  conditions: ['accept-queue-full'],
  ours: { client: 'two connections must race', server: 'it must not accept' },
  waits: true,
  async reach(stage) {
    await listening(stage, { backlog: 1 });
    // Until two others have filled the queue, its own SYN-ACK must not get through.
    let rule = 0;
    const before = async ({ port: destinationPort }: Endpoint) => {
      const { serverPort: sourcePort } = stage;
      rule = await stage.client.setRule({ hook: 'in', sourcePort, destinationPort, fate: 'drop' });
    };
    const { connection } = await connecting(stage, { before });
    await seen(stage, connection, 'server', 'SYN-RECEIVED');
    for (const _ of ['the first', 'the second']) {
      const other = await connecting(stage);
      await seen(stage, other.connection, 'server', 'ESTABLISHED');
    }
    await stage.client.liftRule(rule);
    await seen(stage, connection, 'client', 'ESTABLISHED');
    return connection;
  },
};
