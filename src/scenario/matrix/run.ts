import { Lab, type LabOptions } from '../../lab/lab.ts';
import type { Event } from '../../tcp/matrix/events.ts';
import type { Row } from '../../tcp/matrix/rows.ts';
import { Turn } from '../turn.ts';
import { type Cell, judgeTrial } from './cell.ts';
import { drive } from './drive.ts';

/** How often a cell is driven, at most, when the machine was too busy to distinguish an answer from a retransmission. */
const TRIES = 6;

export interface MatrixRun {
  /** In the order of the rows, and of the events in each. */
  cells: Cell[];
  /** Why there were no kernel events; null where there were. */
  noKernelEvents: string | null;
}

/** Drives these events in each of these states on the real kernel: a row is a lab, and the labs run side by side. */
export async function runMatrix(
  rows: readonly Row[],
  events: readonly Event[],
  options: LabOptions,
): Promise<MatrixRun> {
  const turn = new Turn();
  const runs = await Promise.all(rows.map((row) => runRow(row, events, options, turn)));
  return {
    cells: runs.flatMap(({ cells }) => cells),
    noKernelEvents: runs[0]?.noKernelEvents ?? null,
  };
}

async function runRow(
  row: Row,
  events: readonly Event[],
  options: LabOptions,
  turn: Turn,
): Promise<MatrixRun> {
  const cells = new Map<string, Cell>();
  let noKernelEvents: string | null = null;
  let left = events;
  for (let count = 0; count < TRIES && left.length > 0; count++) {
    const run = await runOnce(row, left, options, turn);
    noKernelEvents ??= run.noKernelEvents;
    for (const cell of run.cells) cells.set(cell.event, cell);
    left = left.filter(({ name }) => isUnseen(cells.get(name)));
  }
  return { cells: events.flatMap(({ name }) => cells.get(name) ?? []), noKernelEvents };
}

/** Of a call without a descriptor, and of a message that does not exist, there is nothing more to see: the state is known. */
export function isUnseen(cell: Cell | undefined): boolean {
  return cell === undefined || cell.after === null;
}

/** The labs take turns up to the event, so that none is there so late that the end's timers have run out. */
async function runOnce(
  row: Row,
  events: readonly Event[],
  options: LabOptions,
  turn: Turn,
): Promise<MatrixRun> {
  const pass = await turn.take();
  try {
    await using lab = await Lab.open(options);
    const trials = await drive(lab, row, events, pass);
    const cells = trials.map((trial) => judgeTrial(lab.timeline, trial));
    return { cells, noKernelEvents: lab.timeline.of('lab-opened')[0]?.noKernelEvents ?? null };
  } finally {
    pass();
  }
}
