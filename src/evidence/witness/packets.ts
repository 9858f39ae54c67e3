import type { Connection, ConnectionEnd } from '../connection.ts';
import type { HostName, Lost } from '../events.ts';
import { COUNTED_AFTER_MS, mayHaveDropped } from '../foreign-rules.ts';
import { packetFoldOf } from '../segments.ts';
import type { Timeline } from '../timeline.ts';
import { untilLost, type Witness } from './witness.ts';

/** The segments that the end sent and was really given, folded through the arcs of RFC 9293. */
export const packets: Witness = {
  name: 'packets',
  follow(timeline, end) {
    const unseen = timeline.of('lab-opened')[0]?.hosts?.[end.host].noPackets;
    if (unseen) return [{ atMs: 0, states: [], why: unseen }];
    const observations = packetFoldOf(timeline, connectionOf(end), end.host).observations(end.listening);
    const lost = timeline
      .of('lost')
      .filter(({ witness, host }) => witness === 'packets' && host === end.host);
    return untilLost(
      observations,
      [...unsentSince(timeline, end.host), ...lost].sort((a, b) => a.atMs - b.atMs),
    );
  },
};

function connectionOf({ host, local, remote }: ConnectionEnd): Connection {
  return host === 'client' ? { client: local, server: remote } : { client: remote, server: local };
}

/** From when on a rule that others set may have stopped what the host sends before a capture saw it, if nothing reports that. */
function unsentSince(timeline: Timeline, host: HostName): Lost[] {
  const opened = timeline.of('lab-opened')[0];
  if (!opened?.watched || opened.kernelEvents?.noDrops === null) return [];
  const since = timeline
    .of('rules-seen')
    .filter((event) => event.host === host)
    .flatMap(({ atMs, sameUntilMs }) => [
      Math.max(0, (sameUntilMs ?? 0) - COUNTED_AFTER_MS) + 0.001,
      atMs + 0.001,
    ])
    .find((atMs) => mayHaveDropped(timeline, host, 'sent', atMs));
  if (since === undefined) return [];
  const what = `a rule of the ${host} may have dropped what it sent, which no capture sees without root`;
  return [{ type: 'lost', atMs: since, sinceMs: since, witness: 'packets', host, what }];
}
