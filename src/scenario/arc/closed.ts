import type { ArcScenario } from '../scenario.ts';
import { family } from './family.ts';
import { listen, opening, synSent } from './start.ts';

const closed = family({
  name: 'closed',
  heldBy: 'the client has closed',
  end: (stage, { socket }, host) => stage[host].close(socket),
  isSilent: ({ state }) => state !== 'SYN-RECEIVED',
  withheld: (host) => ({ host, call: 'close' }),
});

export const CLOSED: readonly ArcScenario[] = [
  closed(5, listen, { title: 'a server closes its listening socket', heldBy: 'no listener' }),
  closed(11, synSent, {
    title: 'a client closes while it is still connecting',
    // The SYN that was to show it CLOSED finds it open.
    withheld: { instead: { state: 'SYN-RECEIVED', arc: 7 } },
  }),
  closed(16, opening, {
    id: 'fin-wait-1-simultaneous-open',
    title: 'a client closes before its simultaneous open is complete',
    held: { host: 'client', state: 'FIN-WAIT-1' },
    heldBy: 'server drops in',
  }),
];
