import { otherHost } from '../../evidence/events.ts';
import { abortResets } from '../../tcp/arcs.ts';
import { synFrom } from '../crafted.ts';
import { seen } from '../opening.ts';
import type { Scenario } from '../scenario.ts';
import { family } from './family.ts';
import {
  closeWait,
  closing,
  deafen,
  finWait1,
  finWait2,
  lastAck,
  listen,
  open,
  opening,
  pendingRequest,
  synSent,
  timeWait,
} from './start.ts';

const destroyed = family({
  name: 'destroyed',
  heldBy: 'the socket was destroyed',
  end: (stage, { connection }, host) =>
    stage[host].destroySocket(connection[host], connection[otherHost(host)]),
  isSilent: ({ state }) => !abortResets(state),
});

/** An administrator destroys the socket (`ss -K`). */
export const DESTROYED: readonly Scenario[] = [
  destroyed(46, listen, {
    title: "an administrator destroys the server's listening socket (`ss -K`)",
    async reach(stage) {
      const { connection } = await listen.reach(stage);
      const any = connection.server.address.includes(':') ? '::' : '0.0.0.0';
      await stage.server.destroySocket(connection.server, { address: any, port: 0 });
      return connection;
    },
  }),
  destroyed(48, synSent, {
    title: "an administrator destroys the client's socket while it is still connecting",
  }),
  {
    id: 'syn-received-destroyed',
    title: "an administrator destroys the server's pending handshake, and the server still listens",
    held: { host: 'server', state: 'LISTEN' },
    peer: 'CLOSED',
    heldBy: 'the server listens',
    arcs: { server: [52] },
    async reach(stage) {
      const rule = await deafen(stage, 'client');
      const connection = await pendingRequest(stage);
      await stage.server.destroySocket(connection.server, connection.client);
      await seen(stage, connection, 'server', 'LISTEN');
      // What the client's kernel replies to the next SYN-ACK leaves the server in LISTEN.
      await stage.client.liftRule(rule);
      return connection;
    },
    show: synFrom('client'),
  },
  destroyed(55, opening, {
    title: "an administrator destroys the client's socket before its simultaneous open is complete",
  }),
  destroyed(23, open, {
    title: "an administrator destroys the client's socket (`ss -K`)",
    peer: 'CLOSED',
  }),
  destroyed(60, finWait1, {
    title: "an administrator destroys the client's socket before its FIN is acknowledged",
  }),
  destroyed(65, finWait2, {
    title: "an administrator destroys the client's socket, which waits for the server's FIN",
    peer: 'CLOSED',
  }),
  destroyed(71, closeWait, {
    title: "an administrator destroys the server's socket, which the client has closed",
    peer: 'CLOSED',
  }),
  destroyed(73, closing, {
    title: "both ends have shut down, and an administrator destroys the client's socket",
  }),
  destroyed(76, lastAck, {
    title: 'the server shuts down second, and an administrator destroys its socket',
  }),
  destroyed(79, timeWait, { title: 'an administrator destroys a TIME-WAIT' }),
];
