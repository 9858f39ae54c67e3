import type { Endpoint } from '../tcp/endpoint.ts';
import {
  connect,
  ctrlC,
  ESTABLISHED,
  endWatch,
  FROM_SERVER,
  liftRule,
  serve,
  setRule,
  stop,
  watch,
} from './by-hand/steps.ts';
import { fromServer } from './explanation.ts';
import { connecting, listening, seen } from './opening.ts';
import { call } from './sabotage.ts';
import type { CatalogueScenario } from './scenario.ts';

/**
 * The final ACK finds the accept queue full, and the kernel drops it (tcp_minisocks.c, tcp_check_req, listen_overflow). A SYN
 * that finds it full is dropped too, so the request must be there before.
 */
export const synReceivedAcceptQueueFull: CatalogueScenario = {
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
  explanation: {
    steps: [
      'The server listens with a backlog of 1 and never accepts.',
      "A client connects. A rule drops the SYN-ACK to the client's port (here 33000), and the server has a pending request.",
      'Two other clients connect and fill the accept queue. The rule is removed.',
      "The server retransmits its SYN-ACK after 1 s. The first client's ACK finds the queue full, and the kernel drops it.",
    ],
    rules: [fromServer('client', 'in', { destinationPort: 33_000 })],
    peer: 'The client is ESTABLISHED: for it the handshake is complete, and its data stays unacknowledged.',
    remark:
      'The kernel keeps the request and retransmits its SYN-ACK. If accept() makes space, the next ACK completes the ' +
      'handshake. Otherwise the request ends after tcp_synack_retries, and the client learns of it from the RST to its data. With ' +
      'tcp_abort_on_overflow = 1 the server sends an RST instead of dropping the ACK.',
  },
  byHand: {
    steps: [
      watch('server'),
      serve,
      stop('server', 'nc', 'nc no longer accepts; its backlog of 1 admits two connections'),
      { ...connect, see: ESTABLISHED },
      setRule('client', 'in', FROM_SERVER),
      {
        ...connect,
        terminal: 'nc2',
        see: { client: ['ESTABLISHED', 'SYN-SENT'], server: ['LISTEN', 'ESTABLISHED', 'SYN-RECEIVED'] },
      },
      {
        ...connect,
        terminal: 'nc3',
        see: {
          client: ['ESTABLISHED', 'SYN-SENT', 'SYN-SENT'],
          server: ['LISTEN', 'ESTABLISHED', 'SYN-RECEIVED', 'SYN-RECEIVED'],
        },
        note: 'both find space in the queue, because neither handshake is complete',
      },
      {
        ...liftRule('client', 'in', FROM_SERVER),
        see: {
          client: ['ESTABLISHED', 'ESTABLISHED', 'ESTABLISHED'],
          server: ['LISTEN', 'ESTABLISHED', 'ESTABLISHED', 'SYN-RECEIVED'],
        },
        note: 'one final ACK finds the queue full, and the kernel drops it',
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
        note: 'nc accepts a connection, reads its end of file, and exits',
      },
      endWatch('server'),
    ],
  },
  crowd: 'it shows the queue of a single listener; use syn-received',
  sabotage: {
    rules: { unset: /^the server was not seen in SYN-RECEIVED within/, removed: null },
    call: call(
      'client',
      'abort',
      1,
      /^socket-table of (server: saw SYN-RECEIVED|client: saw ESTABLISHED), then CLOSED/,
    ),
    condition: {
      act: ({ server }) => server.accept(1),
      seen: /^the accept queue of the server is not full, /,
    },
  },
};
