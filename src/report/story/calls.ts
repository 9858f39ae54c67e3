import type { Called, HostName } from '../../evidence/events.ts';
import { type ProgramCall, programCalls } from '../../evidence/program-calls.ts';
import type { Timeline } from '../../evidence/timeline.ts';

/** One or more calls of a program, one right after the other, on one line. */
export interface CallText {
  atMs: number;
  host: HostName;
  socket: number;
  text: string;
  /** The port that its socket is bound to or connects from, where that is known. */
  port: number | null;
  /** For a program's call: its result may still come `soon` enough for the same row; `return`: a later result. */
  part?: 'soon' | 'return';
}

/** A call that returns within this time has its result in its row; a later result has its own row. */
export const RETURNS_WITHIN_MS = 1;

/** The calls on the timeline as C has them: `listen(5)`, `send(4)`, `close()`, with their results if these are not the usual. */
export function callsOf(timeline: Timeline): CallText[] {
  const ports = new Map<string, number>();
  const listeners = new Set<string>();
  return timeline.of('call').map((called) => {
    const { atMs, host, socket, call, detail } = called;
    const key = `${host} ${socket}`;
    const port = Number(detail.split(':').at(-1));
    if (call === 'bind' && port > 0) ports.set(key, port);
    if (call === 'listen') listeners.add(key);
    // Closing a listener does not affect the connections from it.
    const whose = call === 'close' && listeners.has(key) ? ' listener' : '';
    return { atMs, host, socket, text: describe(called) + whose, port: ports.get(key) ?? null };
  });
}

function describe({ call, detail, result }: Pick<Called, 'call' | 'detail' | 'result'>): string {
  const octets = /^(\d+) octets$/.exec(detail)?.[1];
  const backlog = /^backlog (\d+)$/.exec(detail)?.[1];
  // Kept on one line by a no-break space.
  const outcome = result === 'ok' || result === 'EINPROGRESS' || result === octets ? '' : ` =\u00a0${result}`;
  if (call === 'send' && octets !== undefined) return `send(${octets})${outcome}`;
  if (call === 'listen' && backlog !== undefined) return `listen(${backlog})${outcome}`;
  if (call === 'shutdown') return `shutdown(${detail.replace('SHUT_', '')})${outcome}`;
  if (call === 'setsockopt') return `setsockopt() ${detail}${outcome}`;
  // The other calls' details are endpoints, which the ladder's head shows.
  const option = call === 'close' && detail ? ` ${detail.replace(/^after /, '')}` : '';
  return `${call}()${option}${outcome}`;
}

/**
 * What the kernel saw programs call, by their names: `nc: close()`. Of options only the one that makes a close() an abort; no
 * accept() that found nothing, and the others when they had found one.
 */
export function programCallsOf(timeline: Timeline, concerns: (call: ProgramCall) => boolean): CallText[] {
  return programCalls(timeline).flatMap((called): CallText[] => {
    const { atMs, host, pid, name, fd, call, detail, result, tookMs, local } = called;
    const isAccept = call.startsWith('accept');
    const isShown =
      call === 'setsockopt'
        ? detail.startsWith('SO_LINGER')
        : !isAccept || (result !== null && !Number.isNaN(Number(result)));
    if (!isShown || !concerns(called)) return [];
    const isFine = result === null || result === 'EINPROGRESS' || !Number.isNaN(Number(result));
    // Descriptors and processes are numbered from zero on, tcplab's own sockets from one.
    const base = { host, socket: -1 - fd - pid * 0x10000, port: local.port };
    const textWith = (outcome: string) => `${name}: ${describe({ call, detail, result: outcome })}`;
    const endMs = atMs + (tookMs ?? 0);
    if (isAccept) return [{ ...base, atMs: endMs, text: textWith('ok') }];
    if (result === null) return [{ ...base, atMs, text: textWith('ok'), part: 'soon' }];
    if (isFine || endMs - atMs <= RETURNS_WITHIN_MS)
      return [{ ...base, atMs, text: textWith(isFine ? 'ok' : result) }];
    return [
      { ...base, atMs, text: textWith('ok') },
      { ...base, atMs: endMs, text: textWith(result), part: 'return' },
    ];
  });
}
