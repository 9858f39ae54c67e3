import { advance, type End, UNKNOWN_END } from '../../tcp/fold.ts';
import type { State } from '../../tcp/state.ts';
import type { Connection, ConnectionEnd } from '../connection.ts';
import { inputsOf } from '../segments.ts';
import type { Sight, Witness } from './witness.ts';

/** The segments that the end sent and was really given, folded through the arcs of RFC 9293. */
export const packets: Witness = {
  name: 'packets',
  follow(timeline, end) {
    const sights: Sight[] = [];
    let folded = UNKNOWN_END;
    for (const input of inputsOf(timeline, connectionOf(end), end.host)) {
      folded = advance(folded, input);
      const state = end.listening ? listenerState(folded) : folded.state;
      sights.push({
        atMs: input.atMs,
        states: state ? [state] : [],
        why: state ? null : 'no segment has told the state yet',
      });
    }
    const lost = timeline
      .of('lost')
      .filter(({ witness, host }) => witness === 'packets' && host === end.host);
    return [...sights, ...lost.map(({ atMs, what }) => ({ atMs, states: [], why: what }))];
  },
};

/** A listener stays one while the connections that come from it go their way. */
function listenerState({ state, passive }: End): State | null {
  return passive && state !== 'CLOSED' ? 'LISTEN' : state;
}

function connectionOf({ host, local, remote }: ConnectionEnd): Connection {
  return host === 'client' ? { client: local, server: remote } : { client: remote, server: local };
}
