import { Lab, type LabOptions } from '../../lab/lab.ts';
import type { Event } from '../../tcp/matrix/events.ts';
import type { Row } from '../../tcp/matrix/rows.ts';
import { type Cell, judgeTrial } from './cell.ts';
import { drive } from './drive.ts';

/** How often cells are driven, at most, when the machine was too busy to distinguish an answer from a retransmission. */
const TRIES = 3;

/** Drives these events in the row's state on the real kernel, in labs of their own. */
export async function runRow(row: Row, events: readonly Event[], options: LabOptions): Promise<Cell[]> {
  const cells = new Map<string, Cell>();
  let left = events;
  for (let count = 0; count < TRIES && left.length > 0; count++) {
    for (const cell of await runOnce(row, left, options)) cells.set(cell.event, cell);
    left = left.filter(({ name }) => isWorthAnother(cells.get(name)));
  }
  return events.flatMap(({ name }) => cells.get(name) ?? []);
}

/** A call without a descriptor stays one. */
function isWorthAnother(cell: Cell | undefined): boolean {
  return cell === undefined || (cell.verdict === 'not seen' && cell.after === null);
}

async function runOnce(row: Row, events: readonly Event[], options: LabOptions): Promise<Cell[]> {
  await using lab = await Lab.open(options);
  const trials = await drive(lab, row, events);
  return trials.map((trial) => judgeTrial(lab.timeline, trial));
}
