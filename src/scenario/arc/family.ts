import type { Connection } from '../../evidence/connection.ts';
import { type HostName, otherHost } from '../../evidence/events.ts';
import { synFrom } from '../crafted.ts';
import { seen } from '../opening.ts';
import type { ArcScenario, Withheld } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { deafen, type Inside, pendingRequest, type Start } from './start.ts';

/** How a connection ends, from whichever state. */
interface Ending<I extends Inside> {
  /** How the names of its scenarios end. */
  name: string;
  heldBy: string;
  end(stage: Stage, inside: I, host: HostName): Promise<unknown>;
  /** Whether no segment shows that the end is CLOSED, so that it must reply to one. Default: false. */
  isSilent?: (from: Start<I>) => boolean;
  /** What must be left out so that the end stays as it is. */
  withheld: (host: HostName) => Withheld;
}

/** What the scenarios of a family do not share: at least their titles. */
type Differences = Pick<ArcScenario, 'title'> &
  Partial<Omit<ArcScenario, 'withheld'>> & { withheld?: Partial<Withheld> | null };

/** Ends the request of a server, which then only listens. The client must not reply with RST, so it receives nothing. */
export function endOfRequest(
  name: string,
  arc: number,
  title: string,
  withheld: Withheld,
  end: (stage: Stage, connection: Connection) => Promise<unknown>,
): ArcScenario {
  return {
    id: `syn-received-${name}`,
    title,
    held: { host: 'server', state: 'LISTEN' },
    peer: 'CLOSED',
    heldBy: 'the server listens',
    arcs: { server: [arc] },
    withheld,
    async reach(stage) {
      const rule = await deafen(stage, 'client');
      const connection = await pendingRequest(stage);
      await end(stage, connection);
      await seen(stage, connection, 'server', 'LISTEN');
      // What the client's kernel replies to the next SYN-ACK leaves the server in LISTEN.
      await stage.client.liftRule(rule);
      return connection;
    },
    show: synFrom('client'),
  };
}

/** Makes the scenario that leaves a state in this way, for the arc of this number. */
export function family<I extends Inside>({ name, heldBy, end, isSilent, withheld }: Ending<I>) {
  return (arc: number, from: Start<I>, differences: Differences): ArcScenario => ({
    id: `${from.name}-${name}`,
    held: { host: from.host, state: 'CLOSED' },
    peer: from.peer,
    heldBy,
    arcs: { [from.host]: [arc] },
    async reach(stage) {
      const inside = await from.reach(stage);
      await end(stage, inside, from.host);
      return inside.connection;
    },
    ...(isSilent?.(from) && { show: synFrom(otherHost(from.host)) }),
    ...differences,
    withheld: differences.withheld === null ? null : { ...withheld(from.host), ...differences.withheld },
  });
}
