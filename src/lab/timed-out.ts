import { TcplabError } from '../error.ts';

/** What is waited for: a noun, or the sentence to say when it does not come: `the server did not accept a connection`. */
export type WaitedFor = string | { failure: string };

/** `the server did not accept a connection within 5 s` */
export function timedOut(what: WaitedFor, withinMs: number): TcplabError {
  const within = `within ${withinMs < 1000 ? `${withinMs} ms` : `${Number((withinMs / 1000).toFixed(3))} s`}`;
  const message = typeof what === 'string' ? `${what}: not seen ${within}` : `${what.failure} ${within}`;
  return new TcplabError('TIMEOUT', message);
}
