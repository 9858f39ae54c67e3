import { otherHost } from '../../evidence/events.ts';
import { abortResets } from '../../tcp/arcs.ts';
import type { ArcScenario } from '../scenario.ts';
import { endOfRequest, family } from './family.ts';
import {
  closeWait,
  closing,
  finWait1,
  finWait2,
  lastAck,
  listen,
  open,
  opening,
  synSent,
  timeWait,
} from './start.ts';

const destroyed = family({
  name: 'destroyed',
  heldBy: 'the socket was destroyed',
  end: (stage, { connection }, host) =>
    stage[host].destroySocket(connection[host], connection[otherHost(host)]),
  isSilent: ({ state }) => !abortResets(state),
  withheld: (host) => ({ host, call: 'destroySocket' }),
});

/** An administrator destroys the socket (`ss -K`). */
export const DESTROYED: readonly ArcScenario[] = [
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
    // The SYN that was to show it CLOSED finds it open.
    withheld: { instead: { state: 'SYN-RECEIVED', arc: 7 } },
  }),
  endOfRequest(
    'destroyed',
    52,
    "an administrator destroys the server's pending handshake, and the server still listens",
    { host: 'server', call: 'destroySocket' },
    (stage, { client, server }) => stage.server.destroySocket(server, client),
  ),
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
  destroyed(79, timeWait, {
    title: 'an administrator destroys a TIME-WAIT',
    // The RST with which the server replies to its ACK ends it.
    withheld: { instead: { state: 'CLOSED', arc: 42 } },
  }),
];
