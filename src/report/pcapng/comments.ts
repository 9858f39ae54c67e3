import type { Connection } from '../../evidence/connection.ts';
import { dropWords } from '../../evidence/drop-reasons.ts';
import { type HostName, otherHost } from '../../evidence/events.ts';
import { packetsOn, passages } from '../../evidence/segments.ts';
import type { Timeline } from '../../evidence/timeline.ts';
import { courseOf, type Transition } from '../../evidence/transitions.ts';
import { connectionsOf } from '../ladder/connections.ts';
import {
  craftedAmong,
  hasOwnPlace,
  leaves,
  type PacketEvent,
  packetsOf,
  retransmissionsAmong,
} from './packets.ts';

/** What each packet did: whose state it changed, who dropped it, who made it. */
export function packetComments(timeline: Timeline): Map<PacketEvent, string> {
  const comments = new Map<PacketEvent, string>();
  const crafted = craftedAmong(packetsOf(timeline), timeline);
  for (const connection of connectionsOf(timeline)) {
    const packets = packetsOn(timeline, connection).seen.filter(hasOwnPlace);
    const retransmissions = retransmissionsAmong(packets.filter((event) => !crafted.has(event)));
    const { transitions } = courseOf(timeline, connection);
    const ends = endsOf(timeline, connection);
    for (const event of packets) {
      const sentences = [
        ...(crafted.has(event) ? ['crafted by tcplab'] : []),
        ...changesBy(event, transitions),
        ...(retransmissions.has(event) ? [`retransmission ${retransmissions.get(event)}`] : []),
        ...(ends.get(keyOf(event)) ?? []),
      ];
      comments.set(event, sentences.join('; ') || nothingNew(event, transitions));
    }
  }
  return comments;
}

/** `server ESTABLISHED → CLOSE-WAIT (arc 18, RFC 9293 3.10.7.4)` */
function changesBy(event: PacketEvent, transitions: readonly Transition[]): string[] {
  return transitions
    .filter(({ source, host, atMs }) => source === 'packets' && host === event.host && atMs === event.atMs)
    .map(({ host, from, to, arc }) => {
      const why = arc ? `arc ${arc.number}, RFC 9293 ${arc.clause}` : 'no arc of RFC 9293';
      return `${host} ${from} → ${to} (${why})`;
    });
}

/** Of a packet that changes nothing, in which state it was sent or came. */
function nothingNew(event: PacketEvent, transitions: readonly Transition[]): string {
  const { host, wire } = event;
  if (leaves(event)) {
    // ICMP errors, and RSTs that end no connection, may come from the firewall: that has no state.
    const byFirewall = wire.kind === 'icmp' || wire.segment.flags.includes('R');
    return `sent by the ${host}${byFirewall ? '' : inState(event, transitions)}`;
  }
  return `given to the ${host}${inState(event, transitions)}`;
}

function inState({ host, atMs }: PacketEvent, transitions: readonly Transition[]): string {
  const before = transitions.filter((transition) => transition.host === host && transition.atMs <= atMs);
  const state = before.at(-1)?.to;
  return state ? ` in ${state}` : '';
}

/** Where packets ended, if not at the other end: by the host, the time and the bytes of those who saw it. */
function endsOf(timeline: Timeline, connection: Connection): Map<string, string[]> {
  const rules = new Map(timeline.of('rule-set').map(({ rule, text }) => [rule, `rule ${rule}: ${text}`]));
  return new Map(
    passages(timeline, connection).flatMap((passage) => {
      const { host, fate, arrivedMs } = passage;
      if (fate === 'delivered') return [];
      if (fate === 'unseen') return [];
      if (fate === 'lost') return [[keyOf(passage), ['not seen to arrive']]];
      const dropped =
        'dropped' in fate
          ? `dropped by ${rules.get(fate.dropped.rule) ?? `rule ${fate.dropped.rule}`}`
          : `dropped by the kernel: ${dropWords(fate.discarded.reason)}`;
      return arrivedMs === null
        ? [[keyOf(passage), [`${dropped}, on its way out: never on the wire`]]]
        : [[keyOf({ ...passage, host: otherHost(host), atMs: arrivedMs }), [dropped]]];
    }),
  );
}

function keyOf({ host, atMs, bytes }: { host: HostName; atMs: number; bytes: string }): string {
  return `${host} ${atMs} ${bytes}`;
}
