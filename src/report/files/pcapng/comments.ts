import { boxRuleFor } from '../../../evidence/box.ts';
import { otherHostOf } from '../../../evidence/connection.ts';
import type { HostName } from '../../../evidence/events.ts';
import { isWatched } from '../../../evidence/foreign-rules.ts';
import { trafficOn } from '../../../evidence/packet-index.ts';
import { type Passage, passages, wordsOfDrop } from '../../../evidence/segments.ts';
import type { Timeline } from '../../../evidence/timeline.ts';
import { stateHistoryOf, type Transition } from '../../../evidence/transitions.ts';
import { connectionsOf, leaves } from '../../story/connections.ts';
import { arrivedText, ruleTexts } from '../../story/result.ts';
import { hasOwnPlace, type PacketEvent } from './packets.ts';

/** What each packet did: the state it changed, what dropped it, what made it. */
export function packetComments(timeline: Timeline): Map<PacketEvent, string> {
  const comments = new Map<PacketEvent, string>();
  for (const connection of connectionsOf(timeline)) {
    const packets = trafficOn(timeline, connection).seen.filter(hasOwnPlace);
    const story = passages(timeline, connection);
    const strays = new Set(
      story
        .filter(({ origin }) => origin === 'outside')
        .map((passage) => keyOf({ ...passage, host: otherHostOf(passage) })),
    );
    const departures = new Map(story.map((passage) => [keyOf(passage), passage]));
    const { transitions } = stateHistoryOf(timeline, connection);
    const ends = endsOf(timeline, story);
    for (const event of packets) {
      const departure = leaves(event) ? departures.get(keyOf(event)) : undefined;
      const again = departure?.numbers?.again ?? 0;
      const sentences = [
        ...(departure?.origin === 'crafted' ? ['crafted by tcplab'] : []),
        ...(strays.has(keyOf(event)) ? [`not sent by the ${otherHostOf(event)}`] : []),
        ...changesBy(event, transitions),
        ...(again > 0 ? [`retransmission ${again}`] : []),
        ...(ends.get(keyOf(event)) ?? []),
      ];
      comments.set(event, sentences.join('; ') || nothingNew(event, departure, transitions));
    }
  }
  return comments;
}

/** `server ESTABLISHED → CLOSE-WAIT (arc 18, RFC 9293 3.10.7.4)` */
function changesBy(event: PacketEvent, transitions: readonly Transition[]): string[] {
  return transitions
    .filter(({ source, host, atMs }) => source === 'packets' && host === event.host && atMs === event.atMs)
    .map(({ host, from, to, arc, why = 'not explained' }) => {
      return `${host} ${from} → ${to} (${arc ? `arc ${arc.number}, RFC 9293 ${arc.clause}` : why})`;
    });
}

/** Of a packet that changes nothing, in which state it was sent or came. */
function nothingNew(
  event: PacketEvent,
  departure: Passage | undefined,
  transitions: readonly Transition[],
): string {
  const { host, wire } = event;
  if (!departure) return `given to the ${host}${inState(event, transitions)}`;
  const { origin } = departure;
  if (typeof origin === 'object') return `sent by the ${host}: rule ${origin.rule} rejects`;
  // An RST that ends no connection answers what met none: that has no state.
  const hasState = origin === 'tcp' && wire.kind === 'tcp' && !wire.segment.flags.includes('R');
  return `sent by the ${host}${hasState ? inState(event, transitions) : ''}`;
}

function inState({ host, atMs }: PacketEvent, transitions: readonly Transition[]): string {
  const before = transitions.filter((transition) => transition.host === host && transition.atMs <= atMs);
  const state = before.at(-1)?.to;
  return state ? ` in ${state}` : '';
}

/** Where packets ended, if not at the peer: by host, time and bytes of the observation. */
function endsOf(timeline: Timeline, story: readonly Passage[]): Map<string, string[]> {
  const rules = ruleTexts(timeline);
  return new Map(
    story.flatMap((passage) => {
      const { fate, arrivedMs } = passage;
      if (fate === 'delivered' && arrivedMs !== null && isWatched(timeline)) {
        const text = arrivedText(timeline, otherHostOf(passage), arrivedMs);
        return text ? [[keyOf({ ...passage, host: otherHostOf(passage), atMs: arrivedMs }), [text]]] : [];
      }
      if (fate === 'delivered' || fate === 'unseen') return [];
      if (fate === 'lost') {
        const rule = boxRuleFor(timeline, passage);
        return [[keyOf(passage), [rule === undefined ? 'not seen to arrive' : `dropped by ${rule}`]]];
      }
      const dropped =
        'dropped' in fate
          ? `dropped by ${rules.get(fate.dropped.rule) ?? `rule ${fate.dropped.rule}`}`
          : `dropped by the kernel: ${wordsOfDrop(timeline, fate.discarded)}`;
      return arrivedMs === null
        ? [[keyOf(passage), [`${dropped}, on its way out: never on the wire`]]]
        : [[keyOf({ ...passage, host: otherHostOf(passage), atMs: arrivedMs }), [dropped]]];
    }),
  );
}

function keyOf({ host, atMs, bytes }: { host: HostName; atMs: number; bytes: string }): string {
  return `${host} ${atMs} ${bytes}`;
}
