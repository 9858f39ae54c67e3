import { advance, answersKnock, type End, type Input, UNKNOWN_END } from '../../tcp/fold.ts';
import type { State } from '../../tcp/state.ts';
import type { Connection, ConnectionEnd } from '../connection.ts';
import { inputsOf } from '../segments.ts';
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
    for (const input of inputsOf(timeline, connectionOf(end), end.host)) {
      listener = listenerAfter(listener, folded, input);
      folded = advance(folded, input);
      doubt ??= input.doubt;
      const told = end.listening ? listener : folded.state;
      const state = doubt === undefined ? told : null;
      sights.push({
        atMs: input.atMs,
        states: state ? [state] : [],
        why: state ? null : (doubt ?? 'no segment has told the state yet'),
      });
    }
    const lost = timeline
      .of('lost')
      .filter(({ witness, host }) => witness === 'packets' && host === end.host);
    return [...sights, ...lost.map(({ atMs, what }) => ({ atMs, states: [], why: what }))];
  },
};

/** A listener shows in its answers to SYNs, whatever becomes of the connections. */
function listenerAfter(before: State | null, end: End, input: Input): State | null {
  if (input.direction !== 'sent' || !answersKnock(end, input.segment)) return before;
  return input.segment.flags.includes('R') ? 'CLOSED' : 'LISTEN';
}

function connectionOf({ host, local, remote }: ConnectionEnd): Connection {
  return host === 'client' ? { client: local, server: remote } : { client: remote, server: local };
}
