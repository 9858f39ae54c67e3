import { type Endpoint, formatEndpoint, isListenerOf } from '../../tcp/endpoint.ts';
import type { Call, Fact } from '../../tcp/known.ts';
import type { Segment } from '../../tcp/segment.ts';
import type { ConnectionEnd } from '../connection.ts';
import type { Called, HostName } from '../events.ts';
import { hasGuests } from '../foreign-rules.ts';
import { concernsEnd, isAbortive, programCalls } from '../program-calls.ts';
import type { Timeline } from '../timeline.ts';
import { kernelChanges } from './kernel-events.ts';

/** The calls on an end's socket that the timeline has, and whether there can be others. */
export interface EndCalls {
  /** `all`, or why there can be others. */
  calls: 'all' | string;
  /** Who made its socket; null if unknown. */
  maker: 'tcplab' | 'program' | null;
  /** What they did; in no order. */
  facts: Fact[];
  /** Whether a listener on its port was made, and is there; null if that is not known. */
  listens: boolean | null;
  /** False when each connect() on it comes as a fact; null when one may be under way. */
  inConnect: false | null;
  /** The smallest backlog of such a listener, and whether TCP_DEFER_ACCEPT was set; null without a listener. */
  listener: { backlog: number; defers: boolean } | null;
}

export function callsOfEnd(timeline: Timeline, end: ConnectionEnd): EndCalls {
  const own = ownCallsOfEnd(timeline, end);
  const isByHand = timeline.of('lab-opened').length === 0;
  const hasProgram = hasGuests(timeline, end.host);
  const byKernel = whyKernelUnsure(timeline, end.host) === null ? listeningByKernel(timeline, end) : [];
  if (own) return { ...own, facts: [...own.facts, ...byKernel] };
  if (isByHand && !hasProgram)
    return { calls: 'all', maker: null, facts: [], listens: null, inConnect: false, listener: null };
  const unseen = whyCallsUnseen(timeline, end.host);
  const seen: EndCalls = { ...seenCallsOfEnd(timeline, end), maker: hasProgram ? 'program' : null };
  if (unseen !== null) return { ...seen, calls: unseen, listens: null };
  return { ...seen, facts: [...seen.facts, ...byKernel] };
}

/** Null if kernel events report every call of programs in the host. */
function whyCallsUnseen(timeline: Timeline, host: HostName): string | null {
  const opened = timeline.of('lab-opened')[0];
  const about = (opened?.hosts ? opened.hosts[host] : opened)?.kernelEvents;
  if (about?.noCalls !== null) return "the program's calls are not seen";
  return whyKernelUnsure(timeline, host);
}

function whyKernelUnsure(timeline: Timeline, host: HostName): string | null {
  const lost = timeline
    .of('lost')
    .find((event) => event.witness === 'kernel-events' && (event.host ?? host) === host);
  return lost?.what ?? null;
}

/** Those that tcplab made itself; undefined when it did not make the socket. */
function ownCallsOfEnd(timeline: Timeline, end: ConnectionEnd): EndCalls | undefined {
  const made = timeline.of('call').filter(({ host, result }) => host === end.host && isDone(result));
  const callsOn = (socket: number) => made.filter((event) => event.socket === socket);
  const bound = made
    .filter(({ call, detail }) => call === 'bind' && isBoundTo(detail, end.local))
    .map(({ socket }) => callsOn(socket));
  if (bound.length === 0) return undefined;
  const listeners = bound.filter((calls) => calls.some(({ call }) => call === 'listen'));
  const remote = formatEndpoint(end.remote);
  const connected = bound.flatMap((calls): Life[] => {
    const connect = calls.find(({ call, detail }) => call === 'connect' && detail === remote);
    if (!connect) return [];
    const openMs = connect.atMs + connect.tookMs + CLOCKS_AGREE_MS;
    return [{ fromMs: connect.atMs, openMs, passive: false, calls }];
  });
  const accepted = listeners.flat().flatMap(({ call, detail, atMs }): Life[] => {
    const socket = Number(detail.split(' ').at(-1));
    return call === 'accept' ? [{ fromMs: atMs, openMs: atMs, passive: true, calls: callsOn(socket) }] : [];
  });
  const isSure =
    accepted.every(({ calls }) => calls.flatMap(closingFacts).length === 0) ||
    (accepted.length === 1 && connectionsBefore(timeline, end, accepted[0]?.fromMs) <= 1);
  const destroyed = made.filter((event) => event.call === 'destroy' && event.detail === destroyOf(end));
  return {
    calls: isSure ? 'all' : 'the calls were made on one of several accepted sockets',
    maker: connected.length + accepted.length > 0 ? 'tcplab' : null,
    facts: [
      ...closingsOf(isSure ? [...connected, ...accepted] : connected),
      ...connected.flatMap(({ calls }) => connecting(calls)),
      ...destroyed.flatMap((event) => factsOf(event, 'destroy')),
      ...listening(listeners),
      ...accepting(listeners),
    ],
    listens: false,
    inConnect: false,
    listener: settingsOf(listeners),
  };
}

/**
 * How many connections a listener can have had to accept by then. Of several, the timeline does not tell which one an accept()
 * returned: it can be one that an RST ended in the queue, even one with the same ports.
 */
function connectionsBefore(timeline: Timeline, end: ConnectionEnd, untilMs = 0): number {
  const opened = new Set<string>();
  for (const { atMs, segment } of arrivals(timeline, end)) {
    const isSyn = segment.flags.includes('S') && !segment.flags.includes('.');
    if (isSyn && atMs <= untilMs) opened.add(`${formatEndpoint(segment.source)} ${segment.seq}`);
  }
  return opened.size;
}

/** The segments that a host received for the port of an end, from whichever client. */
export function* arrivals(
  timeline: Timeline,
  { host, local }: ConnectionEnd,
): Generator<{ atMs: number; segment: Segment }> {
  for (const { host: at, direction, wire, atMs } of timeline.of('captured')) {
    const isArrival = at === host && direction === 'received' && wire.kind === 'tcp';
    if (isArrival && wire.segment.destination.port === local.port) yield { atMs, segment: wire.segment };
  }
}

/** Of a call, and of the packet that it sent. */
const CLOCKS_AGREE_MS = 0.5;

/** The calls on one socket, since when it can have been the connection's, and when it was there with it. */
interface Life {
  fromMs: number;
  openMs: number;
  passive: boolean;
  calls: readonly Called[];
}

/** A socket whose connection is over may be closed while the next one already has its ports. */
function closingsOf(lives: readonly Life[]): Call[] {
  const inOrder = [...lives].sort((a, b) => a.fromMs - b.fromMs);
  return inOrder.flatMap(({ calls, passive, openMs }, index) => {
    const untilMs = inOrder[index + 1]?.fromMs ?? Number.POSITIVE_INFINITY;
    const facts = calls.filter(({ atMs }) => atMs < untilMs).flatMap(closingFacts);
    return facts.map((fact) => ({ ...fact, passive, openMs }));
  });
}

function settingsOf(listeners: readonly (readonly Called[])[]): EndCalls['listener'] {
  const calls = listeners.flat();
  const backlogs = calls
    .filter(({ call }) => call === 'listen')
    .map(({ detail }) => Number(detail.split(' ').at(-1)));
  // A request that was deferred stays so when the option is reset, until its first timer.
  const defers = calls.some(
    ({ call, detail }) => call === 'setsockopt' && /^TCP_DEFER_ACCEPT [1-9]/.test(detail),
  );
  return backlogs.length > 0 ? { backlog: Math.min(...backlogs), defers } : null;
}

function isDone(result: string): boolean {
  return result === 'ok' || result === 'EINPROGRESS';
}

function isBoundTo(detail: string, local: Endpoint): boolean {
  return detail.endsWith(`:${local.port}`);
}

function destroyOf({ local, remote }: ConnectionEnd): string {
  return `${formatEndpoint(local)} ${formatEndpoint(remote)}`;
}

function closingFacts(event: Called): Call[] {
  if (event.call === 'shutdown') return factsOf(event, 'shutdown');
  if (event.call !== 'close') return [];
  return factsOf(event, event.detail.includes('SO_LINGER') ? 'abort' : 'close');
}

/** It may have done its work once it has begun, and has when it returns. */
function factsOf({ atMs, tookMs }: { atMs: number; tookMs: number }, called: Call['called']): Call[] {
  return [
    { atMs, called, certain: false },
    { atMs: atMs + tookMs, beganMs: atMs, called, certain: true },
  ];
}

/** tcplab's sockets do not block: connect() holds the socket from its begin to its return. */
function connecting(socket: readonly Called[]): Fact[] {
  return socket
    .filter(({ call }) => call === 'connect')
    .flatMap(({ atMs, tookMs }): Fact[] => [
      { atMs, known: { inConnect: true } },
      { atMs: atMs + tookMs, known: { inConnect: false } },
    ]);
}

/** A queue that was full has space again. */
function accepting(listeners: readonly (readonly Called[])[]): Fact[] {
  const accepts = listeners.flat().filter(({ call }) => call === 'accept');
  return accepts.map(({ atMs }): Fact => ({ atMs, known: { isQueueFull: false } }));
}

/** One of them is there from its listen() on, and until the last was closed. */
function listening(listeners: readonly (readonly Called[])[]): Fact[] {
  const changes = listeners
    .flat()
    .filter(({ call }) => call === 'listen' || call === 'close')
    .sort((a, b) => a.atMs - b.atMs);
  let open = 0;
  return changes.flatMap(({ call, atMs, tookMs }): Fact[] => {
    open += call === 'listen' ? 1 : -1;
    if (call === 'listen') return [{ atMs, known: { listens: true } }];
    if (open > 0) return [];
    return [
      { atMs, known: { listens: null } },
      { atMs: atMs + tookMs, known: { listens: false, closedListener: { atMs, isOnly: true } } },
    ];
  });
}

/** The same by kernel events: another process may still have the closed descriptor, and any process may destroy a listener. */
function listeningByKernel(timeline: Timeline, end: ConnectionEnd): Fact[] {
  // On a host that is not the lab's own, others may have listened before.
  const isOwn = timeline.of('lab-opened')[0]?.hosts === undefined;
  return kernelChanges(timeline, end).flatMap(({ atMs, from, to, of, listeners }): Fact[] => {
    if (of !== 'listener') return [];
    const listens = listeners > 0 ? true : isOwn ? false : null;
    if (to === 'LISTEN') return [{ atMs, known: { listens } }];
    if (from !== 'LISTEN') return [];
    return [{ atMs, known: { listens, closedListener: { atMs, isOnly: listens === false } } }];
  });
}

/** Those that the kernel saw programs make. */
function seenCallsOfEnd(timeline: Timeline, end: ConnectionEnd): Omit<EndCalls, 'maker'> {
  const calls = programCalls(timeline);
  const concerning = calls.filter((call) => concernsEnd(call, end));
  const own = concerning.filter(({ remote }) => remote.port !== 0);
  const facts = own.flatMap((called): Fact[] => {
    const { atMs, tookMs, call, result } = called;
    if (call === 'shutdown') {
      // SHUT_RD sends nothing, and keeps nothing from being sent.
      if (called.detail === 'SHUT_RD') return [];
      const returned = tookMs !== null && result === '0';
      return [
        { atMs, called: 'shutdown', certain: false },
        ...(returned
          ? [{ atMs: atMs + tookMs, beganMs: atMs, called: 'shutdown', certain: true } as const]
          : []),
      ];
    }
    // Another process may have the descriptor, too.
    const isAbort = isAbortive(called, calls);
    return isAbort || call === 'close' ? [{ atMs, called: isAbort ? 'abort' : 'close', certain: false }] : [];
  });
  const pids = new Set(concerning.map(({ pid }) => pid));
  const exits = timeline.of('process-exited').filter(({ host, pid }) => host === end.host && pids.has(pid));
  const listens = calls.filter(
    ({ host, call, local, result }) =>
      host === end.host && call === 'listen' && result === '0' && isListenerOf(local, end.local),
  );
  const defers = calls.some(({ host, detail }) => host === end.host && detail.startsWith('TCP_DEFER_ACCEPT'));
  const backlogs = listens.map(({ detail }) => Number.parseInt(detail, 10)).filter(Number.isFinite);
  return {
    calls: 'all',
    facts: [...facts, ...exits.map(({ atMs }): Fact => ({ atMs, called: 'close', certain: false }))],
    listens: listens.length > 0 ? null : false,
    inConnect: null,
    listener: backlogs.length > 0 ? { backlog: Math.min(...backlogs), defers } : null,
  };
}
