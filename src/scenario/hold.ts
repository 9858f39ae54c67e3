import { setTimeout as pause } from 'node:timers/promises';
import { endOf } from '../evidence/connection.ts';
import { Samples } from '../evidence/samples.ts';
import { stateInTable } from '../evidence/witness/socket-table.ts';
import type { Lab, Tables } from '../lab/lab.ts';
import { stageOf } from './reach.ts';
import type { Scenario } from './scenario.ts';

interface HoldOptions {
  /** Passes the time between two polls. */
  wait: () => Promise<unknown>;
  isOver: () => boolean;
  /** Called after each poll. */
  onLook?: (tables: Tables) => unknown;
  /** Go on when the state is lost; by default that ends the hold. */
  evenIfLost?: boolean;
}

/** Polls a state that was reached, and puts on the timeline for how long it was held and how often and when it was polled. */
export async function holdState(lab: Lab, scenario: Scenario, options: HoldOptions): Promise<void> {
  const claim = lab.timeline.of('claimed')[0];
  if (!claim) throw new Error('nothing was reached that could be held');
  const { connection, held, atMs } = claim;
  const end = endOf(connection, held.host, held.state);
  const looks = new Samples(atMs);
  const look = async () => {
    const tables = await lab.observe();
    looks.add(lab.nowMs());
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
  lab.timeline.add(looks.held(lab.nowMs()));
  if (!isHeld) await untilProgramsEnd(lab);
}

/** How long after the loss of a state its program may take to exit: the kernel closes its sockets first. */
const EXIT_WITHIN_MS = 500;

/** Waits for a program that may be about to exit, so that its exit is on the timeline. */
async function untilProgramsEnd(lab: Lab): Promise<void> {
  const { timeline } = lab;
  const run = () => timeline.of('program-started').length > timeline.of('program-ended').length;
  const startMs = lab.nowMs();
  while (run() && lab.nowMs() - startMs < EXIT_WITHIN_MS) await pause(2);
}
