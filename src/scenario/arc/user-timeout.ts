import { seen } from '../opening.ts';
import type { ArcScenario } from '../scenario.ts';
import { family } from './family.ts';
import { PROBED_MS, probeInVain } from './keepalive-timed-out.ts';
import { closeWait, closing, finWait1, finWait2, lastAck, open, opening, sending, synSent } from './start.ts';

/** Less than two retransmissions take. */
const USER_TIMEOUT_MS = 300;

/** A SYN or SYN-ACK is retransmitted after 1 s. */
const AFTER_A_SECOND_MS = 1800;

const userTimeout = family({
  name: 'user-timeout',
  heldBy: 'server drops in',
  async end(stage, { connection, socket }, host) {
    await stage[host].setOption(socket, 'TCP_USER_TIMEOUT', USER_TIMEOUT_MS);
    await stage.observe();
    await seen(stage, connection, host, 'CLOSED');
  },
  isSilent: () => true,
  withheld: (host) => ({ host, call: 'setOption', of: 'TCP_USER_TIMEOUT', withinMs: 1500 }),
});

/** With nothing in flight, the user timeout limits the keepalive probes. */
const userTimeoutOfProbes = family({
  name: 'user-timeout',
  heldBy: 'server drops in',
  end: (stage, inside, host) => probeInVain(stage, inside, host, 1500),
  withheld: (host) => ({ host, call: 'setOption', of: 'TCP_USER_TIMEOUT', withinMs: PROBED_MS }),
});

export const USER_TIMEOUT: readonly ArcScenario[] = [
  // The kernel compares the user timeout when it retransmits the first SYN, after a second.
  userTimeout(49, synSent, {
    title: "a client's user timeout is shorter than its retransmissions take",
    withheld: { withinMs: AFTER_A_SECOND_MS },
  }),
  userTimeout(56, opening, {
    id: 'syn-received-user-timeout',
    title: "a client's simultaneous open takes longer than its user timeout",
    withheld: { withinMs: AFTER_A_SECOND_MS },
  }),
  userTimeout(57, sending(open), {
    title: "the server acknowledges nothing before the client's user timeout is over",
  }),
  userTimeout(61, finWait1, { title: "a client's FINs are lost until its user timeout is over" }),
  userTimeoutOfProbes(67, finWait2, {
    title: 'a client has shut down, and its user timeout ends the keepalive probes',
  }),
  userTimeout(70, sending(closeWait), {
    title: "the client acknowledges nothing of CLOSE-WAIT before the server's user timeout is over",
    heldBy: 'client drops in',
  }),
  userTimeout(74, closing, {
    title: "both ends have shut down, and the client's FINs are lost until its user timeout is over",
  }),
  userTimeout(77, lastAck, {
    title: 'the server shuts down second, and its FINs are lost until its user timeout is over',
    heldBy: 'client drops in',
  }),
];
