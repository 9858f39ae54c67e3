import type { Connection } from '../evidence/connection.ts';
import { HOSTS, type HostName, otherHost } from '../evidence/host-name.ts';
import type { Timeline } from '../evidence/timeline.ts';
import { type SeenConnection, type SeenEnd, seenOn } from '../evidence/watch/seen-connections.ts';
import { stateOf } from '../evidence/watch/view.ts';
import { isListenerOf } from '../tcp/endpoint.ts';
import type { State } from '../tcp/state.ts';
import type { StateGoal } from './lesson.ts';

/** The states that a goal asks for, of one end or of both. */
export type Wanted = Partial<Record<HostName, State>>;

export function wantedOf({ held, peer }: Pick<StateGoal, 'held' | 'peer'>): Wanted {
  return { [held.host]: held.state, ...(peer ? { [otherHost(held.host)]: peer } : {}) };
}

/** What a goal can be about: a connection, or a listener. */
export interface Candidate {
  connection: Connection;
  /** When it was first seen. */
  firstMs: number;
  /** What shows the state of each end; null where nothing can. */
  ends: Record<HostName, SeenEnd | null>;
}

/** All that the goal can be about, the oldest first. In LISTEN, a peer need not be there. */
export function candidatesFor(timeline: Timeline, { held, peer }: StateGoal): Candidate[] {
  const { listeners, connections } = seenOn(timeline);
  const wanted = wantedOf({ held, peer });
  if (held.state !== 'LISTEN') return connections.map((one) => withListeners(one, wanted, listeners));
  return listeners.filter(({ host }) => host === held.host).map((end) => ofListener(timeline, end));
}

/** Where LISTEN is asked for, the end is the listener that the connection would go to. */
function withListeners(
  { connection, firstMs, ends }: SeenConnection,
  wanted: Wanted,
  listeners: readonly SeenEnd[],
): Candidate {
  const endIn = (host: HostName) =>
    wanted[host] === 'LISTEN'
      ? (listeners.find((end) => end.host === host && isListenerOf(end.local, connection[host])) ?? null)
      : ends[host];
  return { connection, firstMs, ends: { client: endIn('client'), server: endIn('server') } };
}

function ofListener(timeline: Timeline, end: SeenEnd): Candidate {
  const { addresses } = timeline.of('lab-opened')[0] ?? {};
  const { host, local, stays } = end;
  const own = { address: addresses?.[host] ?? local.address, port: local.port };
  const other = { address: addresses?.[otherHost(host)] ?? '', port: 0 };
  return {
    connection: host === 'client' ? { client: own, server: other } : { client: other, server: own },
    firstMs: stays[0]?.fromMs ?? 0,
    ends: host === 'client' ? { client: end, server: null } : { client: null, server: end },
  };
}

/** A time in which the socket tables show both ends in the states that are asked for. */
export interface Span {
  fromMs: number;
  untilMs: number;
}

/** Those of a candidate, in the order of time; what still goes on ends at `untilMs`. */
export function spansOf({ ends, firstMs }: Candidate, wanted: Wanted, untilMs: number): Span[] {
  let spans: Span[] = [{ fromMs: firstMs, untilMs }];
  for (const host of HOSTS) {
    const state = wanted[host];
    if (state === undefined) continue;
    const own = spansIn(ends[host], state, firstMs, untilMs);
    spans = spans.flatMap((span) => own.flatMap((other) => common(span, other)));
  }
  return spans;
}

function spansIn(end: SeenEnd | null, state: State, firstMs: number, untilMs: number): Span[] {
  // Of an end that no look has found, there may never have been a socket.
  if (!end || end.stays.length === 0) return state === 'CLOSED' ? [{ fromMs: firstMs, untilMs }] : [];
  return end.stays
    .filter((stay) => stay.state === state)
    .map(({ fromMs, lastMs }) => ({ fromMs, untilMs: lastMs ?? untilMs }));
}

function common(one: Span, other: Span): Span[] {
  const fromMs = Math.max(one.fromMs, other.fromMs);
  const untilMs = Math.min(one.untilMs, other.untilMs);
  return fromMs <= untilMs ? [{ fromMs, untilMs }] : [];
}

/** The state of each end now. */
export function statesNow({ ends }: Candidate): Record<HostName, State> {
  const now = (host: HostName) => (ends[host] ? stateOf(ends[host]) : 'CLOSED');
  return { client: now('client'), server: now('server') };
}
