import { type HostName, otherHost } from '../../evidence/events.ts';
import { synFrom } from '../crafted.ts';
import { seen } from '../opening.ts';
import { failure } from '../refusal.ts';
import type { ArcScenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { family } from './family.ts';
import { closeWait, deafen, finWait2, type Inside, open } from './start.ts';

/** Longer than it takes until probes are in vain: 1 s, and 1 s for the probe. */
export const PROBED_MS = 2800;

const keepaliveTimedOut = family({
  name: 'keepalive-timed-out',
  heldBy: 'server drops in',
  async end(stage, inside, host) {
    await probeInVain(stage, inside, host);
  },
  withheld: (host) => ({ host, call: 'setOption', of: 'SO_KEEPALIVE', withinMs: PROBED_MS }),
});

export const KEEPALIVE_TIMED_OUT: readonly ArcScenario[] = [
  keepaliveTimedOut(22, open, {
    title: "the server does not answer a client's keepalive probe, and the client gives up",
    async reach(stage) {
      const { connection, socket } = await open.reach(stage);
      await deafen(stage, 'server');
      await setProbes(stage, 'client', socket, 1);
      const startMs = stage.nowMs();
      await stage.client.setOption(socket, 'SO_KEEPALIVE', 1);
      await stage.observe();
      await failure(stage, socket, 'no answer', startMs);
      return connection;
    },
    show: synFrom('server'),
  }),
  keepaliveTimedOut(66, finWait2, {
    title: 'a client has shut down, and the server answers no keepalive probe',
  }),
  keepaliveTimedOut(69, closeWait, {
    title: 'the client has shut down, and answers no keepalive probe of the server',
    heldBy: 'client drops in',
  }),
];

/** Lets keepalive probes go unanswered until the end gives up: one, or as many as the user timeout leaves time for. */
export async function probeInVain(
  stage: Stage,
  { connection, socket }: Inside,
  host: HostName,
  userTimeoutMs?: number,
): Promise<void> {
  await deafen(stage, otherHost(host));
  if (userTimeoutMs) await stage[host].setOption(socket, 'TCP_USER_TIMEOUT', userTimeoutMs);
  await setProbes(stage, host, socket, userTimeoutMs ? 9 : 1);
  await stage[host].setOption(socket, 'SO_KEEPALIVE', 1);
  await seen(stage, connection, host, 'CLOSED');
}

/** The kernel accepts no less than 1 s for either time. */
async function setProbes(stage: Stage, host: HostName, socket: number, count: number): Promise<void> {
  await stage[host].setOption(socket, 'TCP_KEEPIDLE', 1);
  await stage[host].setOption(socket, 'TCP_KEEPINTVL', 1);
  await stage[host].setOption(socket, 'TCP_KEEPCNT', count);
}
