import { endOf } from '../evidence/connection.ts';
import { listenerOf } from '../evidence/witness/socket-table.ts';
import { connect, ctrlC, ESTABLISHED, endWatch, serve, stopAccepting, watch } from './by-hand/steps.ts';
import { connecting, listening, seen } from './opening.ts';
import { call } from './sabotage.ts';
import type { CatalogueScenario } from './scenario.ts';

/** A backlog of 0 still admits one connection (net/core/request_sock.c: full when there are more than the backlog). */
export const acceptQueueFull: CatalogueScenario = {
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
  explanation: {
    steps: [
      'The server listens with a backlog of 0 and never accepts.',
      'A first client connects and fills the queue. It is ESTABLISHED.',
      'A second client connects. The kernel drops its SYNs.',
    ],
    rules: [],
    peer: "The server's listener has Recv-Q 1 and Send-Q 0, and the kernel counts ListenOverflows and ListenDrops.",
    remark:
      'To the client this looks like a firewall that drops. tcp_abort_on_overflow does not send an RST here: it is for ' +
      'final ACKs that find the queue full, and these are SYNs.',
  },
  byHand: {
    steps: [
      watch('server'),
      serve,
      stopAccepting,
      { ...connect, see: ESTABLISHED },
      {
        ...connect,
        terminal: 'nc2',
        see: {
          client: ['ESTABLISHED', 'ESTABLISHED'],
          server: ['LISTEN', 'ESTABLISHED', 'ESTABLISHED'],
        },
      },
      {
        on: 'server',
        look: 'ss -tln',
        see: { prints: ['LISTEN 2 1 0.0.0.0:80'] },
        note: 'Recv-Q 2, Send-Q 1: a backlog of 1 admits two connections, and the queue is full',
      },
      {
        ...connect,
        terminal: 'nc3',
        see: {
          client: ['ESTABLISHED', 'ESTABLISHED', 'SYN-SENT'],
          server: ['LISTEN', 'ESTABLISHED', 'ESTABLISHED'],
          at: { 'server/tcpdump': ['192.168.2.10.… > 192.168.2.11.80: Flags [S]'] },
        },
        note: 'its SYNs arrive, and the kernel drops them without any rule',
      },
      {
        on: 'server',
        look: 'netstat -s',
        see: { prints: ['times the listen queue of a socket overflowed'] },
      },
    ],
    cleanUp: [
      ctrlC('client', 'nc3'),
      ctrlC('client', 'nc2'),
      ctrlC('client', 'nc'),
      {
        on: 'server',
        terminal: 'nc',
        run: 'fg',
        see: { server: [] },
        note: 'nc accepts a connection, reads its end of file, and exits',
      },
      endWatch('server'),
    ],
  },
  crowd: 'it shows the queue of a single listener; use syn-sent for many SYN-SENT',
  sabotage: {
    rules: null,
    call: call('client', 'close', 2, /^socket-table of client: saw SYN-SENT, then CLOSED/),
    condition: {
      act: ({ server }) => server.accept(1),
      seen: /^the accept queue of the server is not full, /,
    },
  },
};
