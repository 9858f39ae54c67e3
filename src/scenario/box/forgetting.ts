import type { Connection } from '../../evidence/connection.ts';
import type { BoxPlan, BoxRule } from '../../lab/box-plan.ts';
import type { Stage } from '../stage.ts';

/** What several scenarios with a box have in common. */

/** Packets that belong to no connection that the box has an entry of. */
export const NOT_TRACKED = 'meta l4proto tcp ct state invalid';

/** How long an entry lives without packets, in seconds: the default, five days, is too long to wait for. */
const IDLE_S = 2;

/**
 * A box that forgets a connection which was idle, and treats what comes then like this. Without tcp_loose=0, it would make a new
 * entry of the first segment that comes.
 */
export function forgetful(does: BoxRule['does'], timeouts: readonly string[] = ['established']): BoxPlan {
  return {
    rules: [{ chain: 'forward', match: NOT_TRACKED, does }],
    conntrack: {
      tcp_loose: 0,
      ...Object.fromEntries(timeouts.map((name) => [`tcp_timeout_${name}`, IDLE_S])),
    },
  };
}

/** Waits until the box had an entry of the connection and has none any more. */
export async function untilForgotten(stage: Stage, { client, server }: Connection): Promise<void> {
  let had = false;
  await stage.waitFor({ failure: 'the box did not forget the connection' }, async () => {
    await stage.observe();
    const has = stage.box?.entry(client, server) !== undefined;
    had ||= has;
    return had && !has;
  });
}

/** Waits until a rule of the box has met a packet. */
export async function untilDropped(stage: Stage): Promise<void> {
  await stage.waitFor({ failure: 'the box dropped no packet' }, async () => {
    await stage.observe();
    return (stage.box?.drops ?? 0) > 0;
  });
}
