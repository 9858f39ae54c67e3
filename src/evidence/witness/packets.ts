import type { Connection, ConnectionEnd } from '../connection.ts';
import { packetFoldOf } from '../segments.ts';
import { untilLost, type Witness } from './witness.ts';

/** The segments that the end sent and was really given, folded through the arcs of RFC 9293. */
export const packets: Witness = {
  name: 'packets',
  follow(timeline, end) {
    const unseen = timeline.of('lab-opened')[0]?.hosts?.[end.host].noPackets;
    if (unseen) return [{ atMs: 0, states: [], why: unseen }];
    const observations = packetFoldOf(timeline, connectionOf(end), end.host).observations(end.listening);
    return untilLost(
      observations,
      timeline.of('lost').filter(({ witness, host }) => witness === 'packets' && host === end.host),
    );
  },
};

function connectionOf({ host, local, remote }: ConnectionEnd): Connection {
  return host === 'client' ? { client: local, server: remote } : { client: remote, server: local };
}
