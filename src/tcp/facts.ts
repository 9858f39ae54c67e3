import type { Fact, Knowledge, Moment } from './known.ts';
import { find, type Possibility, withDoubt } from './possibility.ts';
import { afterCall } from './silence.ts';
import type { State } from './state.ts';

/** What other sources than segments make of a possibility. */

/** Silently it may have ended at any time. */
export function isEndedBySegment({ state, gone, doubt }: Possibility): boolean {
  const isSilent = doubt === 'silent close' || doubt === 'silent abort' || doubt === 'timer';
  return !gone && state === 'CLOSED' && !isSilent;
}

/** Whether it has entered a state without a full socket, from the state in which the kernel freed the full socket. */
export function goesOn(
  { state, gone, path }: Possibility,
  { except, from }: { except: readonly State[]; from?: State },
): boolean {
  if (gone || state === null || from === undefined || !except.includes(state)) return false;
  return state === from || path?.step.from === from;
}

export function afterFact(
  one: Possibility,
  fact: Exclude<Fact, { known: unknown }>,
  at: Moment,
): Possibility[] {
  if ('gone' in fact) {
    if (isKept(one, fact)) return [one];
    const isOther = fact.from !== undefined && fact.from !== one.state;
    return isOther && one.doubt !== null ? [] : [{ ...one, gone: true }];
  }
  if (one.gone) return [one];
  if ('accepted' in fact) return one.doubt === 'final ACK dropped' ? [] : [one];
  if ('hasRequest' in fact) return at.known.synCookies === 'maybe' && isRefutedBy(one, fact) ? [] : [one];
  if ('hasDescriptor' in fact)
    return one.sinceMs > fact.sinceMs ? [one] : withDescriptor(one, fact.hasDescriptor);
  if (fact.passive !== undefined && fact.passive !== one.passive) return [one];
  if (fact.openMs !== undefined && beganMs(one) > fact.openMs) return [one];
  const calledMs = Math.max(fact.beganMs ?? fact.atMs, one.sinceMs);
  const called = afterCall(one, fact.called, { ...at, atMs: calledMs });
  if (fact.certain || called === one) return [called];
  const open = { ...one, inClose: true };
  return [open, withDoubt(called, fact.called === 'abort' ? 'silent abort' : 'close behind data')];
}

/** A segment that ends what is left of a listener's requests may be one that the kernel drops. */
export function afterKnowledge(one: Possibility, known: Partial<Knowledge>, at: Moment): Possibility[] {
  const isLeft = known.closedListener !== undefined && one.state === 'SYN-RECEIVED' && one.passive;
  return isLeft ? [one, withDoubt(find(one, 'CLOSED', at.atMs), 'closed listener')] : [one];
}

/** A cookie leaves no request, nor does the socket that was made of it; and a request is in the table. */
function isRefutedBy(one: Possibility, fact: { hasRequest: boolean; sinceMs: number }): boolean {
  if (one.sinceMs > fact.sinceMs) return false;
  if (fact.hasRequest) return one.cookie || one.doubt === 'SYN cookie';
  return one.state === 'SYN-RECEIVED' && one.passive && !one.fastOpen;
}

/** When the current connection began, as far as its segments show it. */
function beganMs({ path }: Possibility): number {
  for (let at = path; at; at = at.before) if (NO_CONNECTION.has(at.step.from)) return at.step.atMs;
  return Number.NEGATIVE_INFINITY;
}

/** From where a new one begins. */
const NO_CONNECTION: ReadonlySet<State> = new Set(['CLOSED', 'LISTEN', 'TIME-WAIT']);

/** What has no socket of its own can't lose it. */
function isKept(
  { state, sinceMs }: Possibility,
  fact: { sinceMs: number; except: readonly State[] },
): boolean {
  if (state === null || state === 'CLOSED' || state === 'LISTEN' || state === 'SYN-RECEIVED') return true;
  return sinceMs > fact.sinceMs || fact.except.includes(state);
}

/** An end that connected keeps its descriptor until it closes; and what a table shows was not aborted. */
function withDescriptor(one: Possibility, has: boolean): Possibility[] {
  if (one.doubt === 'silent abort') return [];
  if (has) return one.orphan === true ? [] : [one];
  const isOpen = one.state === 'SYN-SENT' || one.state === 'ESTABLISHED' || one.state === 'CLOSE-WAIT';
  if (isOpen) return one.passive ? [one] : [];
  return [one.orphan === null ? { ...one, orphan: true } : one];
}
