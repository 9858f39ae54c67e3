import type { Arc } from '../tcp/arcs.ts';
import type { Step } from '../tcp/fold.ts';
import type { State } from '../tcp/state.ts';
import { type Connection, type ConnectionEnd, endOf, hostsOf } from './connection.ts';
import type { HostName } from './events.ts';
import { inputsOf, packetFoldOf } from './segments.ts';
import type { Timeline } from './timeline.ts';
import { CallsAndTimers, vainConnects } from './triggers.ts';
import { kernelChanges, kernelEvents } from './witness/kernel-events.ts';
import { packets } from './witness/packets.ts';
import { socketTable, stateInTable } from './witness/socket-table.ts';
import type { Witness, WitnessName } from './witness/witness.ts';

/** One change of state of one end, and what is known of it. */
export interface Transition {
  atMs: number;
  host: HostName;
  from: State;
  to: State;
  /** Null when the RFC's table does not explain it. */
  arc: Arc | null;
  /** What Linux did, where no arc explains it, and it is known. */
  why?: string;
  /** The source that observed the change directly; the time is its. */
  source: WitnessName;
  /** The witnesses that saw the end in `to`, and nowhere else, before its next transition. */
  seenBy: WitnessName[];
}

/** Whether neither RFC 9293 nor what is known of Linux explains a transition. */
export function isUnexplained({ arc, why }: Pick<Transition, 'arc' | 'why'>): boolean {
  return arc === null && why === undefined;
}

/** Something that the kernel printed and that is not a transition of the connection. */
export interface Particularity {
  atMs: number;
  host: HostName;
  from: State;
  to: State;
  why: string;
}

interface StateHistory {
  transitions: Transition[];
  particularities: Particularity[];
}

/** How both ends of a connection changed their states, by all witnesses together. */
export function stateHistoryOf(timeline: Timeline, connection: Connection): StateHistory {
  const histories = hostsOf(connection).map((host) => historyOfEnd(timeline, connection, host));
  return {
    transitions: histories.flatMap(({ transitions }) => transitions).sort(inTime),
    particularities: histories.flatMap(({ particularities }) => particularities).sort(inTime),
  };
}

interface Draft extends Omit<Transition, 'seenBy'> {
  /** Printed for the listener, which may close while a connection from it is open. */
  ofListener?: boolean;
}

function historyOfEnd(timeline: Timeline, connection: Connection, host: HostName): StateHistory {
  const end = endOf(connection, host, 'CLOSED');
  const { steps, possibleSteps } = packetFoldOf(timeline, connection, host).end;
  const inputs = () => inputsOf(timeline, connection, host);
  const evidence = new CallsAndTimers(timeline, end, {
    inputs,
    possible: possibleSteps.filter((step) => !steps.includes(step)),
  });
  const shown = steps.filter((step) => !evidence.isLeftOpen(step));
  const drafts = shown
    .filter(({ arc }) => arc !== null)
    .map((step): Draft => ({ ...step, host, arc: evidence.confirm(step.arc, step.atMs), source: 'packets' }));
  const { particularities, known } = addKernelChanges(timeline, end, shown, drafts, evidence);
  addTableChanges(timeline, end, drafts, evidence);
  for (const [index, step] of steps.entries()) {
    if (step.arc !== null) continue;
    const { atMs, from, to } = step;
    if (known.has(step)) continue;
    // Found changed: when it happened, others may have seen; or found it too, later.
    const same = drafts.filter((draft) => draft.from === from && draft.to === to);
    if (same.some((draft) => draft.atMs <= atMs)) continue;
    const later = same.find(({ source }) => source === 'socket-table');
    if (later) drafts.splice(drafts.indexOf(later), 1);
    const enteredMs = drafts.findLast((draft) => draft.to === from && draft.atMs < atMs)?.atMs ?? 0;
    const next = steps[index + 1];
    const why = step.why ?? (evidence.gaveWay(step, next) ? 'connect() reuses it' : undefined);
    const arc = why ? null : evidence.arcOfRefusal(from, to, enteredMs, atMs);
    const found: Draft = { atMs, host, from, to: arc?.to ?? to, arc, ...(why && { why }), source: 'packets' };
    // Of what one segment shows, the order counts.
    const place = drafts.findIndex((draft) => draft.atMs === next?.atMs && draft.from === next.from);
    drafts.splice(place < 0 ? drafts.length : place, 0, found);
  }
  drafts.sort(inTime);
  const own = ofConnection(drafts);
  return {
    transitions: drafts.map((draft) => {
      const isLater = (other: Draft) => drafts.indexOf(other) > drafts.indexOf(draft);
      const before = own.findLast((other) => other !== draft && !isLater(other));
      return corroborate(timeline, connection, draft, before, nextAfter(draft, own.filter(isLater)));
    }),
    particularities,
  };
}

/** In the order of time, without what the listener did once the end was a connection of its own. */
function ofConnection(drafts: readonly Draft[]): Draft[] {
  const own: Draft[] = [];
  for (const draft of [...drafts].sort(inTime)) {
    const state = own.at(-1)?.to ?? draft.from;
    if (!draft.ofListener || draft.from === state) own.push(draft);
  }
  return own;
}

/** What the kernel printed and no segment shows: calls, timers, and the ways in which Linux differs from the RFC's picture. */
function addKernelChanges(
  timeline: Timeline,
  end: ConnectionEnd,
  shown: readonly Step[],
  drafts: Draft[],
  evidence: CallsAndTimers,
): { particularities: Particularity[]; known: Set<Step> } {
  const particularities: Particularity[] = [];
  const known = new Set<Step>();
  const unmatched = [...shown];
  const inVain = vainConnects(timeline, end);
  for (const { atMs, from, to, of, listeners } of kernelChanges(timeline, end)) {
    if (of === 'listener' && listeners > (to === 'LISTEN' ? 1 : 0)) {
      particularities.push({ atMs, host: end.host, from, to, why: 'another socket listens on the port too' });
      continue;
    }
    const match = unmatched.findIndex((step) => step.from === from && step.to === to);
    const [same] = match < 0 ? [] : unmatched.splice(match, 1);
    // If segments show a change only afterwards, the kernel event has its time.
    if (same && same.arc !== null) continue;
    const isEnded = from !== to && to === 'CLOSED' && evidence.isEndedByCall(atMs, atMs);
    const isInVain = inVain.some(({ fromMs, toMs }) => atMs >= fromMs && atMs <= toMs);
    const particular = isInVain
      ? 'connect() fails before it sends a SYN'
      : whyParticular(from, to, drafts, shown);
    const why = isEnded ? null : particular;
    if (why) {
      particularities.push({ atMs, host: end.host, from, to, why });
      continue;
    }
    if (same) known.add(same);
    const arc = evidence.arcAt(from, to, atMs, atMs);
    const ofListener = of === 'listener';
    drafts.push({ atMs, host: end.host, from, to, arc, source: 'kernel-events', ofListener });
  }
  return { particularities, known };
}

/** Where Linux prints something else than the RFC's picture has (kernel: net/ipv4/tcp_minisocks.c, tcp_input.c). */
function whyParticular(
  from: State,
  to: State,
  drafts: readonly Draft[],
  shown: readonly Step[],
): string | null {
  const takes = (a: State, b: State) => drafts.some((draft) => draft.from === a && draft.to === b);
  if (from === 'CLOSED' && to === 'CLOSED') return 'destroying a listener sets CLOSED twice';
  if (from === to) return 'closing a socket that was shut down sets its state again';
  if (from === 'LISTEN' && to === 'SYN-RECEIVED')
    return 'the full socket is made, by way of SYN-RECEIVED, at the final ACK';
  const isOfCookie = shown.some((step) => step.from === 'LISTEN' && step.to === 'ESTABLISHED');
  if (from === 'SYN-RECEIVED' && to === 'ESTABLISHED' && isOfCookie)
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
  const tables = timeline.of('sockets').filter(({ host }) => host === end.host);
  let [first, lastMs] = [undefined as State | undefined, 0];
  for (const { atMs, tookMs, rows } of tables) {
    const seen = stateInTable(rows, { ...end, listening: true });
    first ??= seen;
    const own = ofConnection(drafts);
    const before = own.filter((draft) => draft.atMs <= atMs - tookMs);
    const meanwhile = own.filter((draft) => draft.atMs > atMs - tookMs && draft.atMs <= atMs);
    // While the table was read the end may have moved on: each of these may be what was read.
    const possible = [before.at(-1)?.to ?? first, ...meanwhile.map(({ to }) => to)];
    const from = possible.at(-1) as State;
    // Without the connection's row only its listener's is left: the end is CLOSED, or LISTEN if it came from there.
    const isOver = before.length > 0 && possible.includes('CLOSED') && seen === 'LISTEN';
    if (!possible.includes(seen) && !isOver) {
      const isBack = seen !== 'LISTEN' || evidence.arcAt(from, seen, lastMs, atMs) !== null;
      const to = isBack ? seen : 'CLOSED';
      const arc = evidence.arcAt(from, to, lastMs, atMs);
      const why = arc ? undefined : evidence.whyAt(from, to, lastMs, atMs);
      drafts.push({ atMs, host: end.host, from, to, arc, ...(why && { why }), source: 'socket-table' });
    }
    // What was read may have changed before the reading was over.
    lastMs = atMs - tookMs;
  }
}

function corroborate(
  timeline: Timeline,
  connection: Connection,
  draft: Draft,
  before: Draft | undefined,
  next: Draft | undefined,
): Transition {
  const end = endOf(connection, draft.host, draft.to);
  // Not before the transition before: then it may have seen an earlier stay in the same state.
  const printedMs = Math.max(draft.atMs - PRINTED_BEFORE_MS, before?.atMs ?? Number.NEGATIVE_INFINITY);
  const fromMs = Math.min(draft.atMs - CLOCKS_AGREE_MS, printedMs);
  const saw = (witness: Witness) =>
    witness.follow(timeline, end).some(({ atMs, states }) => {
      const inTime = atMs >= fromMs && (!next || atMs < next.atMs);
      return inTime && states.length === 1 && states[0] === draft.to;
    });
  const seenBy = [socketTable, packets, kernelEvents].filter(saw).map(({ name }) => name);
  const { atMs, host, from, to, arc, why, source } = draft;
  return { atMs, host, from, to, arc, ...(why && { why }), source, seenBy };
}

/** A listener stays one while connections come from it. */
function nextAfter(draft: Draft, later: Draft[]): Draft | undefined {
  return later.find(({ from, to }) => draft.to !== 'LISTEN' || (from === 'LISTEN' && to !== 'SYN-RECEIVED'));
}

/** Timestamps of packets and of kernel events come from two clocks, whose offset is measured to about 1 µs. */
const CLOCKS_AGREE_MS = 0.05;

/** A busy kernel prints a change up to this long before it sends the segment that shows it. */
const PRINTED_BEFORE_MS = 0.5;

function inTime(a: { atMs: number }, b: { atMs: number }): number {
  return a.atMs - b.atMs;
}
