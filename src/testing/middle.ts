import { TcplabError } from '../error.ts';
import { fitting, mustFit, yesOrNo } from '../evidence/arguments.ts';
import { boxDropsOf } from '../evidence/box.ts';
import type { TrackedEntry } from '../evidence/box-events.ts';
import type { Connection } from '../evidence/connection.ts';
import { object, oneOf, optional, type Shape, whole } from '../evidence/shape.ts';
import type { Box } from '../lab/box.ts';
import type { BoxPlan } from '../lab/box-plan.ts';
import type { Lab } from '../lab/lab.ts';
import { TestConnection } from './connection.ts';

/** A firewall between the two hosts, which tracks connections. */
export interface MiddleOptions {
  /**
   * What becomes of segments of a connection that it has forgotten: it drops them, answers with an RST or an ICMP error, or lets
   * them pass and remembers the connection again (`pass`, as Linux does by default). Default: `drop`.
   */
  forgotten?: 'drop' | 'reset' | 'icmp' | 'pass';
  /** After how many seconds without a segment it forgets an open connection; default: 432000, five days. */
  idleSeconds?: number;
  /** After how many seconds it forgets a half-closed one; default: 60. */
  halfClosedSeconds?: number;
  /** Of its link to the server, in bytes; default: 1500. */
  mtu?: number;
}

const [LEAST_MTU, MOST_MTU] = [1280, 65_535];
const seconds = optional(whole(1, 2 ** 31 - 1));
const OPTIONS: Shape<MiddleOptions> = object<MiddleOptions>({
  forgotten: optional(oneOf('drop', 'reset', 'icmp', 'pass')),
  idleSeconds: seconds,
  halfClosedSeconds: seconds,
  mtu: optional(whole(LEAST_MTU, MOST_MTU)),
});

export const MIDDLE: Shape<boolean | MiddleOptions> = {
  flawOf: (value, path) =>
    typeof value === 'boolean' ? yesOrNo.flawOf(value, path) : OPTIONS.flawOf(value, path),
};

export function planOf(options: true | MiddleOptions): BoxPlan {
  const { forgotten = 'drop', idleSeconds, halfClosedSeconds, mtu } = options === true ? {} : options;
  return {
    rules: [
      {
        chain: 'forward',
        match: 'meta l4proto tcp ct state invalid',
        does: forgotten === 'pass' ? 'drop' : forgotten,
      },
    ],
    conntrack: {
      tcp_loose: forgotten === 'pass' ? 1 : 0,
      ...(idleSeconds === undefined ? {} : { tcp_timeout_established: idleSeconds }),
      ...(halfClosedSeconds === undefined
        ? {}
        : { tcp_timeout_close_wait: halfClosedSeconds, tcp_timeout_fin_wait: halfClosedSeconds }),
    },
    ...(mtu === undefined ? {} : { mtu }),
  };
}

const CONNECTION = fitting<TestConnection>(
  'a connection of this lab',
  (value) => value instanceof TestConnection,
);

/** The host in the middle of a lab that was opened with `middle`. */
export class TestMiddle {
  readonly #lab: Lab;
  readonly #box: Box;

  /** @internal */
  constructor(lab: Lab, box: Box) {
    this.#lab = lab;
    this.#box = box;
  }

  /** Removes its entry of a connection, as a restart or a failover does. Throws USAGE if it has none. */
  async forget(connection: TestConnection): Promise<void> {
    const { client, server } = await this.#ends('forget', connection);
    if (this.#box.forget(client, server) || this.#box.forget(server, client)) return;
    throw new TcplabError('USAGE', 'the host in the middle has no entry of this connection', {
      hint: 'it forgets a connection after its timeout, and when a reset passes',
    });
  }

  /** Its entry of a connection, in the words of conntrack(8); null if it has none. It is neither end's state. */
  async entry(connection: TestConnection): Promise<TrackedEntry | null> {
    const { client, server } = await this.#ends('entry', connection);
    return this.#box.entry(client, server) ?? this.#box.entry(server, client) ?? null;
  }

  /** How many packets of a connection it has dropped or rejected so far. */
  async dropped(connection: TestConnection): Promise<number> {
    return boxDropsOf(this.#lab.timeline, await this.#ends('dropped', connection)).length;
  }

  async #ends(call: string, connection: TestConnection): Promise<Connection> {
    mustFit(`middle.${call}() connection`, CONNECTION, connection, `example: lab.middle.${call}(connection)`);
    await this.#lab.observe();
    return { client: connection.client.local, server: connection.server.local };
  }
}
