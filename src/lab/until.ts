import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { TcplabError } from '../error.ts';

/** The awaited event: a noun, or the sentence for its absence: `the server did not accept a connection`. */
export type WaitedFor = string | { failure: string };

/** `the server did not accept a connection within 5 s` */
function timedOut(what: WaitedFor, withinMs: number): TcplabError {
  const within = `within ${withinMs < 1000 ? `${withinMs} ms` : `${Number((withinMs / 1000).toFixed(3))} s`}`;
  const message = typeof what === 'string' ? `${what}: not seen ${within}` : `${what.failure} ${within}`;
  return new TcplabError('TIMEOUT', message);
}

/** What the kernel does without one of its timers, it has done by then. */
const AT_ONCE_MS = 3;

/**
 * Tries until `attempt` gives something, at once at first and then less often; gives that. When the time is over, throws a
 * TcplabError with code TIMEOUT that says what was waited for. `onIdle` is called when it begins to pause.
 */
export async function until<T>(
  what: WaitedFor,
  withinMs: number,
  attempt: () => T | Promise<T>,
  onIdle: () => void = () => {},
): Promise<NonNullable<T>> {
  for (const startMs = performance.now(); ; ) {
    const result = await attempt();
    if (result) return result;
    const waitedMs = performance.now() - startMs;
    if (waitedMs > withinMs) throw timedOut(what, withinMs);
    if (waitedMs < AT_ONCE_MS) {
      await turn();
    } else {
      onIdle();
      await pause(Math.min(5, waitedMs / 4));
    }
  }
}
