import type { HostName } from '../../evidence/events.ts';
import { abortResets } from '../../tcp/arcs.ts';
import type { ArcScenario, Withheld } from '../scenario.ts';
import { family } from './family.ts';
import { closing, finWait1, finWait2, lastAck, listen, opening, synSent, timeWait } from './start.ts';

const withheld = (host: HostName): Withheld => ({ host, call: 'abort' });

const aborted = family({
  name: 'aborted',
  heldBy: 'the connection was aborted',
  end: (stage, { socket }, host) => stage[host].abort(socket),
  isSilent: ({ state }) => !abortResets(state),
  withheld,
});

export const ABORTED: readonly ArcScenario[] = [
  aborted(45, listen, {
    title: 'a server aborts its listening socket, which sends nothing',
    heldBy: 'no listener',
  }),
  aborted(47, synSent, {
    title: 'a client aborts while it is still connecting, which sends nothing',
    // The SYN that was to show it CLOSED finds it open.
    withheld: { instead: { state: 'SYN-RECEIVED', arc: 7 } },
  }),
  aborted(54, opening, { title: 'a client aborts before its simultaneous open is complete' }),
  aborted(59, finWait1, { title: 'a client has shut down, and aborts before its FIN is acknowledged' }),
  aborted(64, finWait2, {
    title: 'a client has shut down, and aborts before the server closes',
    peer: 'CLOSED',
  }),
  aborted(72, closing, { title: 'both ends have shut down, and the client aborts, which sends nothing' }),
  aborted(75, lastAck, { title: 'the server shuts down second, and aborts, which sends nothing' }),
  // TIME-WAIT is a structure of its own, without a descriptor (tcp_minisocks.c, tcp_time_wait): that it stays is the proof.
  family({
    name: 'aborted',
    heldBy: 'the wait of 60 s',
    end: (stage, { socket }, host) => stage[host].abort(socket),
    withheld,
  })(78, timeWait, {
    title: 'a client aborts a socket whose connection is in TIME-WAIT, and TIME-WAIT stays',
    held: { host: 'client', state: 'TIME-WAIT' },
  }),
];
