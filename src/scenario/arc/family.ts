import { type HostName, otherHost } from '../../evidence/events.ts';
import { synFrom } from '../crafted.ts';
import type { Scenario, Stage } from '../scenario.ts';
import type { Inside, Start } from './start.ts';

/** How a connection ends, from whichever state. */
interface Ending<I extends Inside> {
  /** How the names of its scenarios end. */
  name: string;
  heldBy: string;
  end(stage: Stage, inside: I, host: HostName): Promise<unknown>;
  /** Whether no segment shows that the end is CLOSED, so that it must reply to one. Default: false. */
  isSilent?: (from: Start<I>) => boolean;
}

/** What the scenarios of a family do not share: at least their titles. */
type Differences = Pick<Scenario, 'title'> & Partial<Scenario>;

/** Makes the scenario that leaves a state in this way, for the arc of this number. */
export function family<I extends Inside>({ name, heldBy, end, isSilent }: Ending<I>) {
  return (arc: number, from: Start<I>, differences: Differences): Scenario => ({
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
  });
}
