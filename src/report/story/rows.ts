import { type HostName, otherHost } from '../../evidence/host-name.ts';
import { type Arrow, crossings, type TimedEvent } from './crossings.ts';

/** The rows of a ladder and their order. A terminal draws them with characters, a page as a picture. */

/** What places a change of state. */
export interface Change {
  host: HostName;
  atMs: number;
}

/** What is neither a segment nor a change of state. */
export interface Other extends TimedEvent {
  what: 'call' | 'rule-set' | 'rule-lifted' | 'note' | 'hold';
}

export type Row<A extends Arrow, C extends Change, O extends Other> =
  | O
  /** A segment with nothing in between has its arrival here too; any other has a row for its arrival. */
  | {
      what: 'departure';
      atMs: number;
      flight: A;
      sender: C[];
      receiver: C[];
      isWhole: boolean;
      /** All flights that it summarizes, if several. */
      crowd?: A[];
    }
  | { what: 'arrival'; atMs: number; flight: A; receiver: C[] }
  /** A change that no segment shows. */
  | { what: 'change'; atMs: number; transition: C };

/** `isOwn`: whether a segment is of the connection that the changes are of. */
export function rowsOf<A extends Arrow, C extends Change, O extends Other>(
  flights: readonly A[],
  changes: readonly C[],
  rest: readonly O[],
  isOwn: (flight: A) => boolean = () => true,
): Row<A, C, O>[] {
  const waiting = new Set(changes);
  const changesAt = new Map<string, C[]>();
  for (const change of changes) {
    const key = `${change.host} ${change.atMs}`;
    changesAt.set(key, [...(changesAt.get(key) ?? []), change]);
  }
  const by = (flight: A, host: HostName, atMs: number | null) =>
    (isOwn(flight) && changesAt.get(`${host} ${atMs}`)) || [];
  const take = (...of: Parameters<typeof by>) => by(...of).filter((change) => waiting.delete(change));
  const split = crossings(
    flights,
    rest,
    (flight) => by(flight, otherHost(flight.from), flight.arrivesMs).length > 0,
  );
  const rows: Row<A, C, O>[] = [...rest];
  for (const flight of flights) {
    const { from, departsMs, arrivesMs } = flight;
    const isWhole = !split.has(flight);
    const sender = take(flight, from, departsMs);
    const receiver = take(flight, otherHost(from), arrivesMs);
    const departure = { atMs: departsMs, what: 'departure' as const, flight, sender, isWhole };
    if (isWhole || arrivesMs === null) rows.push({ ...departure, receiver });
    else rows.push({ ...departure, receiver: [] }, { atMs: arrivesMs, what: 'arrival', flight, receiver });
  }
  for (const transition of waiting) rows.push({ atMs: transition.atMs, what: 'change', transition });
  return rows.sort((a, b) => a.atMs - b.atMs || ORDER.indexOf(a.what) - ORDER.indexOf(b.what));
}

/** Of what happened at the same time. */
const ORDER = ['call', 'rule-set', 'rule-lifted', 'arrival', 'departure', 'change', 'note', 'hold'];
