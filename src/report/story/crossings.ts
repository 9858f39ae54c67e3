import { type HostName, otherHost } from '../../evidence/host-name.ts';
import { placeOfFirst } from '../../evidence/in-time.ts';

/** What places a segment: when it left a host, and when the other had it; null when it never did. */
export interface Arrow {
  from: HostName;
  departsMs: number;
  arrivesMs: number | null;
}

/** What else happens, at a host or at none. */
export interface TimedEvent {
  atMs: number;
  host?: HostName;
}

/**
 * The flights that do not fit on one line, because while they were under way something happened at their
 * receiver: segments cross, or a program makes a call. On one line they would seem to arrive before it. For a flight
 * that changes a state what happens at its sender counts too; others may follow it closely on lines of their own.
 */
export function crossings<A extends Arrow>(
  flights: readonly A[],
  rest: readonly TimedEvent[],
  changesState: (flight: A) => boolean,
): Set<A> {
  const split = overtaken(flights);
  for (;;) {
    const busy = {
      client: timesAt('client', flights, rest, split),
      server: timesAt('server', flights, rest, split),
    };
    const more = flights.filter((flight) => {
      const { departsMs, arrivesMs, from } = flight;
      if (arrivesMs === null || split.has(flight)) return false;
      const isBusy = (host: HostName) => firstAfter(busy[host], departsMs) < arrivesMs;
      if (isBusy(otherHost(from))) return true;
      return changesState(flight) && isBusy(from);
    });
    if (more.length === 0) return split;
    for (const flight of more) split.add(flight);
  }
}

/** When something is shown at a host, in order. The arrivals that count are those with a line of their own. */
function timesAt(
  host: HostName,
  flights: readonly Arrow[],
  rest: readonly TimedEvent[],
  split: ReadonlySet<Arrow>,
): number[] {
  const times = rest.flatMap((one) => (one.host === host ? one.atMs : []));
  for (const flight of flights) {
    if (flight.from === host) times.push(flight.departsMs);
    else if (flight.arrivesMs !== null && split.has(flight)) times.push(flight.arrivesMs);
  }
  return times.sort((a, b) => a - b);
}

/** Those that leave before another from the same host and arrive after it. */
function overtaken<A extends Arrow>(flights: readonly A[]): Set<A> {
  const found = new Set<A>();
  for (const host of ['client', 'server'] as const) {
    const own = flights.filter(({ from }) => from === host).sort((a, b) => b.departsMs - a.departsMs);
    let [earliestMs, next] = [Number.POSITIVE_INFINITY, 0];
    for (const flight of own) {
      // Only of those that leave later, not at the same time.
      for (; (own[next] as A).departsMs > flight.departsMs; next++)
        earliestMs = Math.min(earliestMs, own[next]?.arrivesMs ?? Number.POSITIVE_INFINITY);
      if (earliestMs < (flight.arrivesMs ?? 0)) found.add(flight);
    }
  }
  return found;
}

function firstAfter(times: readonly number[], ms: number): number {
  return times[placeOfFirst(times, (time) => time > ms)] ?? Number.POSITIVE_INFINITY;
}
