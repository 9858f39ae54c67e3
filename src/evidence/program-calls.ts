import { type Endpoint, isListenerOf, sameEndpoint } from '../tcp/endpoint.ts';
import type { ConnectionEnd } from './connection.ts';
import type { HostName, ProgramReturned } from './events.ts';
import type { Timeline } from './timeline.ts';

/** A system call of a program, from its begin to its return. */
export interface ProgramCall {
  atMs: number;
  host: HostName;
  pid: number;
  /** The thread's name. */
  name: string;
  call: string;
  fd: number;
  detail: string;
  /** What it returned, or the errno's name; null while it has not returned. */
  result: string | null;
  tookMs: number | null;
  /** The ends of its socket, as far as they are known by then; of accept, those of the connection. */
  local: Endpoint;
  remote: Endpoint;
}

/** The calls of each timeline, computed again only when the timeline has more events. */
const known = new WeakMap<Timeline, { added: number; calls: readonly ProgramCall[] }>();

/** The calls that the kernel saw programs make, in the order in which they began. */
export function programCalls(timeline: Timeline): readonly ProgramCall[] {
  const { added } = timeline;
  const before = known.get(timeline);
  if (before?.added === added) return before.calls;
  const calls = joined(timeline);
  known.set(timeline, { added, calls });
  return calls;
}

function joined(timeline: Timeline): ProgramCall[] {
  const returns = new Map<string, ProgramReturned[]>();
  const key = ({ host, thread, call }: { host: HostName; thread: number; call: string }) =>
    `${host} ${thread} ${call}`;
  for (const event of timeline.of('program-return')) {
    const same = returns.get(key(event));
    if (same) same.push(event);
    else returns.set(key(event), [event]);
  }
  const next = new Map<string, number>();
  const begun = (each: ProgramReturned) => each.atMs - each.tookMs;
  return timeline.of('program-call').map((called): ProgramCall => {
    const { atMs, host, pid, name, call, fd, detail } = called;
    // Matched by its reported start, because the start of another may have been lost.
    const same = returns.get(key(called)) ?? [];
    let place = next.get(key(called)) ?? 0;
    while (place < same.length && begun(same[place] as ProgramReturned) < atMs - SAME_MS) place++;
    const candidate = same[place];
    const returned = candidate && begun(candidate) < atMs + SAME_MS ? candidate : undefined;
    next.set(key(called), returned ? place + 1 : place);
    const { local, remote } = returned && returned.remote.port !== 0 ? returned : called;
    const { result = null, tookMs = null } = returned ?? {};
    return { atMs, host, pid, name, call, fd, detail, result, tookMs, local, remote };
  });
}

/** Times are fractions of milliseconds, and come from whole nanoseconds. */
const SAME_MS = 0.0005;

/** Whether a call was made for the end's own socket, or for a listener on its port. */
export function concernsEnd({ host, local, remote }: ProgramCall, end: ConnectionEnd): boolean {
  if (host !== end.host) return false;
  if (remote.port === 0) return isListenerOf(local, end.local);
  return sameEndpoint(local, end.local) && sameEndpoint(remote, end.remote);
}

/** Whether a call discards the connection: connect() to AF_UNSPEC, or close() after SO_LINGER with 0 seconds (connect(2), socket(7)). */
export function isAbortive(closing: ProgramCall, calls: readonly ProgramCall[]): boolean {
  if (closing.call === 'connect') return closing.detail === 'AF_UNSPEC';
  if (closing.call !== 'close') return false;
  const before = calls.findLast(
    (each) =>
      each.host === closing.host &&
      each.pid === closing.pid &&
      each.fd === closing.fd &&
      each !== closing &&
      each.atMs <= closing.atMs &&
      // What was set on a socket that had the same descriptor ended with its close().
      (each.call === 'close' || (each.call === 'setsockopt' && each.detail.startsWith('SO_LINGER'))),
  );
  return before?.call === 'setsockopt' && /l_onoff=[^0,][^,]*, l_linger=0\}/.test(before.detail);
}
