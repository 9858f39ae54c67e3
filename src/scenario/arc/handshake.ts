import { seqAdd } from '../../tcp/sequence.ts';
import { established, seen, simultaneousOpen } from '../opening.ts';
import type { ArcScenario } from '../scenario.ts';
import { endOfRequest } from './family.ts';
import { deafen } from './start.ts';

/** A SYN that ends a state, or the ACK of one. */
export const HANDSHAKE: readonly ArcScenario[] = [
  {
    // The SYN-ACK that the client retransmits after a second is the ACK for both.
    id: 'established-simultaneous-open',
    title: 'both ends connect to each other, and each receives the other SYN',
    held: { host: 'client', state: 'ESTABLISHED' },
    peer: 'ESTABLISHED',
    heldBy: 'neither end closes',
    arcs: { client: [12, 7] },
    withheld: { host: 'server', call: 'liftRule', withinMs: 1800 },
    async reach(stage) {
      const { connection, rule } = await simultaneousOpen(stage);
      await stage.server.liftRule(rule);
      return connection;
    },
  },
  // The server replies with RST, and keeps its listener (RFC 9293, 3.10.7.4, fourth).
  endOfRequest(
    'syn',
    50,
    "another SYN in its window ends the server's pending handshake",
    { host: 'client', call: 'sendSegment', isSecond: true },
    async (stage, connection) => {
      const { client: source, server: destination } = connection;
      const seq = seqAdd((await stage.fold(connection, 'server')).receiveNext, 100);
      await stage.client.sendSegment({ source, destination, seq, ack: null, flags: 'S', window: 64240 });
    },
  ),
  {
    // Of an orphan's FIN-WAIT-2 only: with a descriptor, Linux sends a challenge ACK (RFC 5961, 4.2).
    id: 'fin-wait-2-syn',
    title: 'a client has closed, and a SYN from the same server port ends its FIN-WAIT-2',
    held: { host: 'client', state: 'CLOSED' },
    peer: 'CLOSE-WAIT',
    heldBy: 'the server never closes',
    arcs: { client: [63] },
    withheld: { host: 'server', call: 'sendSegment' },
    async reach(stage) {
      const { connection, clientSocket } = await established(stage);
      await stage.client.close(clientSocket);
      await seen(stage, connection, 'client', 'FIN-WAIT-2');
      await deafen(stage, 'server');
      const { client: destination, server: source } = connection;
      const seq = seqAdd((await stage.fold(connection, 'server')).sendNext, 100);
      await stage.server.sendSegment({ source, destination, seq, ack: null, flags: 'S', window: 64240 });
      return connection;
    },
  },
  {
    // A SYN beyond the old connection's numbers opens a new one out of TIME-WAIT (RFC 9293, 3.10.7.4; RFC 6191).
    id: 'time-wait-reopened',
    title: 'a client connects again from the port that the server has in TIME-WAIT',
    held: { host: 'server', state: 'SYN-RECEIVED' },
    peer: 'SYN-SENT',
    heldBy: 'client drops in',
    arcs: { server: [43] },
    withheld: { host: 'client', call: 'connect', isSecond: true },
    async reach(stage) {
      const { connection, clientSocket, serverSocket } = await established(stage);
      await stage.server.close(serverSocket);
      await seen(stage, connection, 'client', 'CLOSE-WAIT');
      await stage.client.close(clientSocket);
      await seen(stage, connection, 'server', 'TIME-WAIT');
      await deafen(stage, 'client');
      const again = await stage.client.openSocket();
      await stage.client.bind(again, connection.client);
      await stage.client.connect(again, connection.server);
      return connection;
    },
  },
];
