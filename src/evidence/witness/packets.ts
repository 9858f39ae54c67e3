import { advance, answersSyn, type End, type Input, UNKNOWN_END } from '../../tcp/fold.ts';
import type { State } from '../../tcp/state.ts';
import type { ConnectionEnd } from '../connection.ts';
import { evidenceOf } from './end-known.ts';
import type { Sight, Witness } from './witness.ts';

/** The segments that the end sent and was really given, folded through the arcs of RFC 9293. */
export const packets: Witness = {
  name: 'packets',
  follow(timeline, end) {
    const unseen = timeline.of('lab-opened')[0]?.hosts?.[end.host].noPackets;
    if (unseen) return [{ atMs: 0, states: [], why: unseen }];
    const sights: Sight[] = [];
    let folded = UNKNOWN_END;
    let listener: State | null = null;
    let doubt: string | undefined;
    for (const input of evidenceOf(timeline, end)) {
      const isSegment = 'direction' in input;
      if (isSegment) listener = listenerAfter(listener, folded, input);
      folded = advance(folded, input);
      if (isSegment) doubt ??= input.doubt;
      const { states, why } = toldOf(end, folded, listener);
      const atMs = Math.max(0, input.atMs);
      const isNews = isSegment || !isAlike(sights.at(-1)?.states, states);
      if (!isNews || (!isSegment && sights.length === 0)) continue;
      sights.push(doubt === undefined ? { atMs, states, why } : { atMs, states: [], why: doubt });
    }
    const lost = timeline
      .of('lost')
      .filter(({ witness, host }) => witness === 'packets' && host === end.host);
    return [...sights, ...lost.map(({ atMs, what }) => ({ atMs, states: [], why: what }))];
  },
};

function toldOf(end: ConnectionEnd, folded: End, listener: State | null): Omit<Sight, 'atMs'> {
  if (!end.listening) return { states: folded.states, why: folded.why };
  return { states: listener ? [listener] : [], why: listener ? null : 'no segment has told the state yet' };
}

function isAlike(before: readonly State[] | undefined, states: readonly State[]): boolean {
  return before?.join() === states.join();
}

/** A listener shows in its answers to SYNs, whatever becomes of the connections. */
function listenerAfter(before: State | null, end: End, input: Input): State | null {
  if (input.direction !== 'sent' || !answersSyn(end, input.segment)) return before;
  return input.segment.flags.includes('R') ? 'CLOSED' : 'LISTEN';
}
