import { endOf } from '../evidence/connection.ts';
import { stateInTable } from '../evidence/witness/socket-table.ts';
import type { Lab, Tables } from '../lab/lab.ts';
import { stageOf } from './reach.ts';
import type { Scenario } from './scenario.ts';

export interface HoldOptions {
  /** Passes the time between two looks. */
  wait: () => Promise<unknown>;
  isOver: () => boolean;
  /** After each look. */
  onLook?: (tables: Tables) => unknown;
  /** Go on looking when the state is lost; else that ends it. */
  evenIfLost?: boolean;
}

/** Looks at a state that was reached, again and again, and puts on the timeline how long and how often it was. */
export async function holdState(lab: Lab, scenario: Scenario, options: HoldOptions): Promise<void> {
  const claim = lab.timeline.of('claimed')[0];
  if (!claim) throw new Error('nothing was reached that could be held');
  const { connection, held, atMs: fromMs } = claim;
  const end = endOf(connection, held.host, held.state);
  let samples = 1;
  const look = async () => {
    const tables = await lab.observe();
    samples++;
    await options.onLook?.(tables);
    return stateInTable(tables[held.host], end) === held.state;
  };
  let isHeld = await look();
  while (!options.isOver() && (isHeld || options.evenIfLost)) {
    await options.wait();
    isHeld = await look();
  }
  if (scenario.show) {
    await scenario.show(stageOf(lab), connection);
    await look();
  }
  lab.timeline.add({ type: 'held', atMs: lab.nowMs(), fromMs, samples });
}
