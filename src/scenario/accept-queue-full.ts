import { endOf } from '../evidence/connection.ts';
import { listenerOf } from '../evidence/witness/socket-table.ts';
import { connecting, listening, seen } from './opening.ts';
import type { Scenario } from './scenario.ts';

/** A backlog of 0 still admits one connection (net/core/request_sock.c: full when there are more than the backlog). */
export const acceptQueueFull: Scenario = {
  id: 'accept-queue-full',
  title: "a listener with a full accept queue drops the client's SYNs",
  held: { host: 'client', state: 'SYN-SENT' },
  peer: 'LISTEN',
  heldBy: 'the server never accepts',
  conditions: ['accept-queue-full'],
  ours: { client: 'it must connect three times from known ports', server: 'it must not accept' },
  async reach(stage) {
    await listening(stage, { backlog: 0 });
    const first = await connecting(stage);
    await seen(stage, first.connection, 'server', 'ESTABLISHED');
    const { connection } = await connecting(stage);
    const { server } = await stage.observe();
    const listener = listenerOf(server, endOf(connection, 'server', 'LISTEN'));
    stage.note(`the listener has Recv-Q ${listener?.receiveQueue} and Send-Q ${listener?.sendQueue}`);
    return connection;
  },
};
