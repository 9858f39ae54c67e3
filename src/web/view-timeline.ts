import { ofHosts } from '../evidence/host-name.ts';
import { firstAfter, placeOfFirst } from '../evidence/in-time.ts';
import type { Change, HostName, Table, View } from '../report/pages/view-model.ts';

type State = Change['from'];

/** A view, made ready to be asked what was at a time: each question takes a few steps, however long the view is. */
export class ViewTimeline {
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
    return Math.max(0, placeOfFirst(this.steps, (step) => step > atMs) - 1);
  }

  changesUntil(host: HostName, atMs: number): readonly Change[] {
    const changes = this.#changes[host];
    return changes.slice(0, firstAfter(changes, atMs));
  }

  stateAt(host: HostName, atMs: number): State {
    const changes = this.#changes[host];
    return changes[firstAfter(changes, atMs) - 1]?.to ?? this.view.initial[host];
  }

  tableAt(host: HostName, atMs: number): Table | undefined {
    const tables = this.#tables[host];
    return tables[firstAfter(tables, atMs) - 1];
  }
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
  // A table in which only timers have advanced does not count as a step.
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
