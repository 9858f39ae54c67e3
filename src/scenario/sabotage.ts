import type { Connection } from '../evidence/connection.ts';
import type { HostName } from '../evidence/events.ts';
import type { SocketNumber } from '../lab/host.ts';
import type { State } from '../tcp/state.ts';
import type { Stage } from './stage.ts';

/** What `test/sabotage.test.ts` does to a scenario, after which it must not be called proven. */
export interface Sabotage {
  /** Null for a scenario that sets none. */
  rules: {
    /** Matches the reason that is given when they are not set. */
    unset: RegExp;
    /** Where the held end moves when they are removed during the hold. Null if it stays, because nothing more is sent. */
    removed: State | null;
  } | null;
  /** A call that leaves the states; or why no program can make one. */
  call: Tampering | string;
  /** What leaves the state as it is and ends a condition of it; or why nothing does. Null without conditions. */
  condition: Omit<Tampering, 'what'> | string | null;
}

interface Tampering {
  what: string;
  /** Done during the hold. Sockets and rules have numbers in the order in which their host opened or set them. */
  act(stage: Stage, connection: Connection): Promise<unknown>;
  /** Matches the reason that the verdict gives. */
  seen: RegExp;
}

/** The usual call. */
export function call(host: HostName, name: 'close' | 'abort', socket: SocketNumber, seen: RegExp): Tampering {
  return { what: `the ${host} ${name}s`, act: (stage) => stage[host][name](socket), seen };
}

/** The server begins to listen. */
export async function listenAfterAll({ server, serverEndpoint }: Stage): Promise<void> {
  const listener = await server.openSocket();
  await server.bind(listener, serverEndpoint());
  await server.listen(listener, 5);
}

/** The first call after a connect that failed only reports the failure (net/ipv4/af_inet.c). */
export async function connectAgain({ client, serverEndpoint }: Stage, socket: number): Promise<void> {
  await client.connect(socket, serverEndpoint());
  await client.connect(socket, serverEndpoint());
}
