import { ARCS, type Arc, type Trigger } from '../tcp/arcs.ts';
import { foldEnd } from '../tcp/fold.ts';
import type { State } from '../tcp/state.ts';
import { type Connection, type ConnectionEnd, endOf } from './connection.ts';
import type { Called, HostName, SocketsSeen } from './events.ts';
import { inputsOf } from './segments.ts';
import type { Timeline } from './timeline.ts';
import { kernelChanges, kernelEvents } from './witness/kernel-events.ts';
import { packets } from './witness/packets.ts';
import { rowOf, socketTable } from './witness/socket-table.ts';
import type { Witness, WitnessName } from './witness/witness.ts';

/** One change of state of one end, and what is known of it. */
export interface Transition {
  atMs: number;
  host: HostName;
  from: State;
  to: State;
  /** Null when the RFC's table does not explain it. */
  arc: Arc | null;
  /** Who told it first-hand; its time is from there. */
  source: WitnessName;
  /** The witnesses that saw the end in `to`, and nowhere else, before its next transition. */
  seenBy: WitnessName[];
}

/** Something that the kernel printed and that is no transition of the connection. */
export interface Particularity {
  atMs: number;
  host: HostName;
  from: State;
  to: State;
  why: string;
}

export interface Course {
  transitions: Transition[];
  particularities: Particularity[];
}

/** How both ends of a connection changed their states, as all the witnesses together tell it. */
export function courseOf(timeline: Timeline, connection: Connection): Course {
  const courses = (['client', 'server'] as const).map((host) => courseOfEnd(timeline, connection, host));
  return {
    transitions: courses.flatMap(({ transitions }) => transitions).sort(inTime),
    particularities: courses.flatMap(({ particularities }) => particularities).sort(inTime),
  };
}

type Draft = Omit<Transition, 'seenBy'>;

function courseOfEnd(timeline: Timeline, connection: Connection, host: HostName): Course {
  const end = endOf(connection, host, 'CLOSED');
  const evidence = new CallsAndTimers(timeline, end);
  const drafts: Draft[] = foldEnd(inputsOf(timeline, connection, host)).steps.map(({ atMs, arc }) => {
    return { atMs, host, from: arc.from, to: arc.to, arc, source: 'packets' };
  });
  const particularities = addKernelChanges(timeline, end, drafts, evidence);
  addTableChanges(timeline, end, drafts, evidence);
  drafts.sort(inTime);
  return {
    transitions: drafts.map((draft, index) => corroborate(timeline, connection, draft, drafts[index + 1])),
    particularities,
  };
}

/** What the kernel printed and no segment shows: calls, timers, and the ways in which Linux differs from the RFC's picture. */
function addKernelChanges(
  timeline: Timeline,
  end: ConnectionEnd,
  drafts: Draft[],
  evidence: CallsAndTimers,
): Particularity[] {
  const particularities: Particularity[] = [];
  const unmatched = [...drafts];
  for (const { atMs, from, to } of kernelChanges(timeline, end)) {
    const match = unmatched.findIndex((draft) => draft.from === from && draft.to === to);
    if (match >= 0) {
      unmatched.splice(match, 1);
      continue;
    }
    const why = whyParticular(from, to, drafts);
    if (why) particularities.push({ atMs, host: end.host, from, to, why });
    else
      drafts.push({
        atMs,
        host: end.host,
        from,
        to,
        arc: evidence.arcAt(from, to, atMs, atMs),
        source: 'kernel-events',
      });
  }
  return particularities;
}

/** Where Linux prints something else than the RFC's picture has (kernel: net/ipv4/tcp_minisocks.c, tcp_input.c). */
function whyParticular(from: State, to: State, drafts: readonly Draft[]): string | null {
  const takes = (a: State, b: State) => drafts.some((draft) => draft.from === a && draft.to === b);
  if (from === to) return 'closing a socket that was shut down sets its state again';
  if (from === 'LISTEN' && to === 'SYN-RECEIVED')
    return 'the full socket is made, by way of SYN-RECEIVED, at the final ACK';
  if (from === 'FIN-WAIT-1' && to === 'FIN-WAIT-2' && takes('FIN-WAIT-1', 'TIME-WAIT')) {
    return 'a FIN that acknowledges ours passes through FIN-WAIT-2';
  }
  if (
    to === 'CLOSED' &&
    (takes(from, 'TIME-WAIT') || (from === 'FIN-WAIT-2' && takes('FIN-WAIT-1', 'TIME-WAIT')))
  ) {
    return 'the full socket ends where TIME-WAIT begins';
  }
  if (from === 'FIN-WAIT-2' && to === 'CLOSED') return 'an orphan’s FIN-WAIT-2 goes on without a full socket';
  return null;
}

/** Changes that only the socket table shows: without kernel events, those that no segment makes. */
function addTableChanges(
  timeline: Timeline,
  end: ConnectionEnd,
  drafts: Draft[],
  evidence: CallsAndTimers,
): void {
  const listening = { ...end, listening: true };
  const sights = socketTable.follow(timeline, listening);
  for (const [index, sight] of sights.entries()) {
    const before = sights[index - 1];
    const [from, to] = [before?.states[0], sight.states[0]];
    if (!before || !from || !to || from === to) continue;
    // Between two looks the end may have taken several arcs; the last of those that are known must lead here.
    const between = drafts.filter(({ atMs }) => atMs > before.atMs && atMs <= sight.atMs).sort(inTime);
    const last = between.at(-1)?.to;
    // When a connection's row is gone its listener's is left: that is CLOSED, or LISTEN where it came from.
    if (last === to || (last === 'CLOSED' && to === 'LISTEN')) continue;
    const start = last ?? from;
    const goal = to === 'LISTEN' && !evidence.findArc(start, to, before.atMs, sight.atMs) ? 'CLOSED' : to;
    if (start === goal) continue;
    const arc = evidence.arcAt(start, goal, before.atMs, sight.atMs);
    drafts.push({ atMs: sight.atMs, host: end.host, from: start, to: goal, arc, source: 'socket-table' });
  }
}

/** Which arc a change is that no segment explains, by the calls that were made meanwhile and the timer that ran before. */
class CallsAndTimers {
  readonly #calls: Called[];
  readonly #tables: SocketsSeen[];
  readonly #end: ConnectionEnd;

  constructor(timeline: Timeline, end: ConnectionEnd) {
    this.#end = end;
    this.#calls = timeline
      .of('call')
      .filter(({ host, result }) => host === end.host && (result === 'ok' || result === 'EINPROGRESS'));
    this.#tables = timeline.of('sockets').filter(({ host }) => host === end.host);
  }

  arcAt(from: State, to: State, sinceMs: number, untilMs: number): Arc | null {
    return this.findArc(from, to, sinceMs, untilMs) ?? null;
  }

  findArc(from: State, to: State, sinceMs: number, untilMs: number): Arc | undefined {
    const candidates = ARCS.filter((arc) => arc.from === from && arc.to === to);
    const called = this.#callsWithin(sinceMs, untilMs);
    const byCall = candidates.find(({ trigger }) => called.has(trigger));
    return byCall ?? candidates.find(({ trigger }) => trigger === this.#timerBefore(from, untilMs));
  }

  #callsWithin(sinceMs: number, untilMs: number): Set<Trigger> {
    const calls = this.#calls.filter(({ atMs, tookMs }) => atMs <= untilMs && atMs + tookMs >= sinceMs);
    return new Set(
      calls.flatMap(({ call, detail }) => TRIGGERS[detail.includes('SO_LINGER') ? 'abort' : call] ?? []),
    );
  }

  /** The timer that would end this state; in a state with several, the one that the socket table last showed. */
  #timerBefore(from: State, untilMs: number): Trigger {
    if (from === 'TIME-WAIT') return '2 MSL';
    if (from === 'FIN-WAIT-2') return 'FIN-WAIT-2 timeout';
    const before = this.#tables.findLast(({ atMs, rows }) => atMs < untilMs && rowOf(rows, this.#end));
    const timer = before && rowOf(before.rows, this.#end)?.timer;
    return timer === 'keepalive' ? 'keepalive exhausted' : 'retries exhausted';
  }
}

const TRIGGERS: Record<string, Trigger> = {
  listen: 'listen',
  connect: 'connect',
  close: 'close',
  shutdown: 'close',
  abort: 'abort',
  destroy: 'destroy',
};

function corroborate(
  timeline: Timeline,
  connection: Connection,
  draft: Draft,
  next: Draft | undefined,
): Transition {
  const end = endOf(connection, draft.host, draft.to);
  const saw = (witness: Witness) =>
    witness.follow(timeline, end).some(({ atMs, states }) => {
      const inTime = atMs >= draft.atMs - CLOCKS_AGREE_MS && (!next || atMs < next.atMs);
      return inTime && states.length === 1 && states[0] === draft.to;
    });
  const seenBy = [socketTable, packets, kernelEvents].filter(saw).map(({ name }) => name);
  return { ...draft, seenBy };
}

/** Stamps of packets and of kernel events come from two clocks, whose distance is measured to about a microsecond. */
const CLOCKS_AGREE_MS = 0.05;

function inTime(a: { atMs: number }, b: { atMs: number }): number {
  return a.atMs - b.atMs;
}
