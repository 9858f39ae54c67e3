import { otherHost } from '../../evidence/events.ts';
import { craftReset } from '../crafted.ts';
import { connecting, listening, seen } from '../opening.ts';
import type { ArcScenario } from '../scenario.ts';
import { family } from './family.ts';
import {
  type BothInside,
  closeWait,
  closing,
  deafen,
  finWait1,
  finWait2,
  lastAck,
  open,
  opening,
  timeWait,
} from './start.ts';

const reset = family({
  name: 'reset',
  heldBy: 'the connection was reset',
  end: (stage, { connection }, host) => craftReset(stage, connection, otherHost(host)),
  withheld: (host) => ({ host: otherHost(host), call: 'sendSegment' }),
});

/** The RST is the other end's own. */
const resetByAbort = family<BothInside>({
  name: 'reset',
  heldBy: 'the connection was reset',
  end: (stage, { peerSocket }, host) => stage[otherHost(host)].abort(peerSocket),
  withheld: (host) => ({ host: otherHost(host), call: 'abort' }),
});

export const RESET: readonly ArcScenario[] = [
  {
    id: 'syn-received-reset',
    title: 'an RST ends a handshake, and the server still listens',
    held: { host: 'server', state: 'LISTEN' },
    peer: 'SYN-SENT',
    heldBy: 'the server listens',
    arcs: { server: [13] },
    withheld: { host: 'client', call: 'sendSegment' },
    async reach(stage) {
      await listening(stage);
      await deafen(stage, 'client');
      const { connection } = await connecting(stage);
      await seen(stage, connection, 'server', 'SYN-RECEIVED');
      // The client retransmits its SYN after a second, which would begin another handshake.
      await stage.server.setRule({ hook: 'in', destinationPort: stage.serverPort, flags: 'S', fate: 'drop' });
      await craftReset(stage, connection, 'client');
      return connection;
    },
  },
  reset(14, opening, { title: 'an RST ends a simultaneous open' }),
  resetByAbort(19, open, {
    title: 'a server aborts, and its RST ends the connection at the client too',
    peer: 'CLOSED',
    arcs: { client: [19], server: [20] },
  }),
  resetByAbort(27, finWait1, { title: "a client's FIN is lost, and the server aborts", peer: 'CLOSED' }),
  resetByAbort(30, finWait2, {
    title: 'a client has shut down, and the server aborts',
    peer: 'CLOSED',
    arcs: { client: [30], server: [37] },
  }),
  reset(33, closing, { title: 'both ends close, and an RST then ends the connection at the client' }),
  reset(36, closeWait, {
    title: 'a client has shut down, and an RST then ends the connection at the server',
  }),
  reset(39, lastAck, {
    title: 'the server closes second, its FIN is lost, and an RST ends the connection there',
  }),
  // TIME-WAIT assassination (RFC 1337).
  reset(42, timeWait, { title: 'an RST ends TIME-WAIT, because tcp_rfc1337 is 0' }),
];
