import { ofHosts } from '../evidence/host-name.ts';
import type { Change, HostName, Table, View } from '../report/pages/view-model.ts';

type State = Change['from'];

/** A view, made ready to be asked what was at a time: each question takes a few steps, however long the view is. */
export class Course {
  readonly view: View;
  /** When there is something to see, in order: what the scrubber and the keys step through. */
  readonly steps: readonly number[];
  readonly #changes: Record<HostName, Change[]>;
  readonly #tables: Record<HostName, Table[]>;

  constructor(view: View) {
    this.view = view;
    const of = <T extends { host: HostName; atMs: number }>(all: readonly T[], host: HostName): T[] =>
      inOrder(all.filter((one) => one.host === host));
    this.#changes = ofHosts((host) => of(view.changes, host));
    this.#tables = ofHosts((host) => of(view.tables, host));
    this.steps = stepsOf(view, Object.values(this.#tables));
  }

  /** The place among the steps of the last that is not after this time. */
  stepAt(atMs: number): number {
    return Math.max(0, countUntil(this.steps, atMs, (step) => step) - 1);
  }

  changesUntil(host: HostName, atMs: number): readonly Change[] {
    const changes = this.#changes[host];
    return changes.slice(
      0,
      countUntil(changes, atMs, (change) => change.atMs),
    );
  }

  stateAt(host: HostName, atMs: number): State {
    const changes = this.#changes[host];
    const count = countUntil(changes, atMs, (change) => change.atMs);
    return changes[count - 1]?.to ?? this.view.initial[host];
  }

  tableAt(host: HostName, atMs: number): Table | undefined {
    const tables = this.#tables[host];
    return tables[countUntil(tables, atMs, (table) => table.atMs) - 1];
  }
}

/** How many of those in order are not after a time. */
export function countUntil<T>(all: readonly T[], atMs: number, timeOf: (one: T) => number): number {
  let [low, high] = [0, all.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (timeOf(all[middle] as T) <= atMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

function inOrder<T extends { atMs: number }>(all: readonly T[]): T[] {
  return all.toSorted((a, b) => a.atMs - b.atMs);
}

function stepsOf(view: View, tables: Table[][]): number[] {
  const times = new Set<number>([view.fromMs, view.toMs]);
  const add = (atMs: number | null | undefined) => {
    if (atMs !== null && atMs !== undefined) times.add(atMs);
  };
  for (const { atMs } of [...view.changes, ...view.acts, ...view.notes]) add(atMs);
  for (const { departsMs, arrivesMs } of view.flights) {
    add(departsMs);
    add(arrivesMs);
  }
  for (const { setMs, liftedMs } of view.rules) {
    add(setMs);
    add(liftedMs);
  }
  add(view.hold?.fromMs);
  add(view.hold?.toMs);
  // A table in which nothing but a timer has gone on is no event.
  for (const ofHost of tables) {
    let last = '';
    for (const { atMs, rows } of ofHost) {
      const shape = JSON.stringify(rows.map(({ timer: _, ...rest }) => rest));
      if (shape !== last) add(atMs);
      last = shape;
    }
  }
  return [...times].filter((atMs) => atMs >= view.fromMs && atMs <= view.toMs).sort((a, b) => a - b);
}
