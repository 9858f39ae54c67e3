import { boxRuleFor } from '../../evidence/box.ts';
import type { Connection } from '../../evidence/connection.ts';
import { type HostName, otherHost } from '../../evidence/events.ts';
import { isWatched } from '../../evidence/foreign-rules.ts';
import { type Passage, passages, type SentNumbers } from '../../evidence/segments.ts';
import type { Timeline } from '../../evidence/timeline.ts';
import { mayDropUnseen } from '../../evidence/witness/end-known.ts';
import type { IcmpError, Segment } from '../../tcp/segment.ts';
import type { Label } from './label.ts';

/** A passage as it is drawn: one arrow. */
export interface Flight {
  connection: Connection;
  departsMs: number;
  /** When the other host's TCP had it; null when it never did. */
  arrivesMs: number | null;
  from: HostName;
  /** tcpdump's letters; null for an ICMP error. */
  flags: string | null;
  label: Label;
  numbers: SentNumbers | null;
  /** The packet from its IP header on, base64. */
  bytes: string;
  /** The sender's TCP, tcplab bypassing it, its firewall, or something between the hosts. */
  origin: 'tcp' | 'crafted' | { rule: number | null };
  ending: Ending;
}

type Ending =
  | { what: 'delivered' }
  /** `by`: the rule of a box between the hosts. */
  | { what: 'lost'; by?: string }
  | { what: 'unseen' }
  /** `out`: at its sender; `in`: at the other host. `by`: the number of a rule, or the kernel's name for why it did. */
  | { what: 'dropped'; hook: 'in' | 'out'; by: number | string };

/** The flights of one connection, in the order of their departure; with `port` in each label when there are several. */
export function flightsOf(timeline: Timeline, connection: Connection, port: number | null): Flight[] {
  return passages(timeline, connection).map((passage) => {
    const before = flights.get(passage);
    const by = passage.fate === 'lost' ? boxRuleFor(timeline, passage)?.replace(/:.*/, '') : undefined;
    const isSame = before?.fate === passage.fate && before.port === port && before.by === by;
    if (isSame && before.flight.connection === connection) return before.flight;
    const flight = flightOf(timeline, passage, connection, port, by);
    flights.set(passage, { fate: passage.fate, port, by, flight });
    return flight;
  });
}

/** A ladder that grows is drawn repeatedly: a passage has one flight for as long as its fate is the same. */
const flights = new WeakMap<
  Passage,
  { fate: Passage['fate']; port: number | null; by: string | undefined; flight: Flight }
>();

function flightOf(
  timeline: Timeline,
  passage: Passage,
  connection: Connection,
  port: number | null,
  by: string | undefined,
): Flight {
  const { host, wire, atMs, origin, numbers } = passage;
  const outside = origin === 'outside' ? whoseWords(passage) : '';
  const label =
    wire.kind === 'tcp' && numbers
      ? segmentLabel(wire.segment, numbers, origin === 'crafted' ? 'crafted' : outside, port)
      : {
          port,
          others: 0,
          flags: null,
          icmp: wire.kind === 'icmp' ? icmpLabel(wire.error) : '',
          numbers: '',
          marks: outside,
        };
  const ending: Ending = by === undefined ? endingOf(timeline, passage) : { what: 'lost', by };
  return {
    connection,
    departsMs: atMs,
    arrivesMs: ending.what === 'delivered' ? passage.arrivedMs : null,
    from: host,
    flags: wire.kind === 'tcp' ? wire.segment.flags : null,
    label,
    numbers,
    bytes: passage.bytes,
    origin: origin === 'firewall' || origin === 'outside' ? { rule: null } : origin,
    ending,
  };
}

function endingOf(timeline: Timeline, { fate, host, arrivedMs }: Passage): Ending {
  // It arrived, and nothing reports whether a rule of others dropped it then.
  if (fate === 'delivered' && arrivedMs !== null && isWatched(timeline))
    return { what: mayDropUnseen(timeline, otherHost(host), arrivedMs) ? 'unseen' : fate };
  if (typeof fate === 'string') return { what: fate };
  if ('dropped' in fate) return { what: 'dropped', hook: fate.dropped.hook, by: fate.dropped.rule };
  const { direction, reason } = fate.discarded;
  return { what: 'dropped', hook: direction === 'sent' ? 'out' : 'in', by: reason };
}

function segmentLabel(
  segment: Segment,
  { seq, ack, again, isProbe }: SentNumbers,
  madeBy: string,
  port: number | null,
): Label {
  const { flags, length } = segment;
  const parts = [`seq ${seq}`];
  if (ack !== null) parts.push(`ack ${ack}`);
  if (length > 0) parts.push(`length ${length}`);
  const isShut = segment.window === 0 && madeBy === '' && !/[RS]/.test(flags);
  const marks = [
    isShut ? 'win 0' : null,
    again > 0 ? 'again' : null,
    isProbe ? 'probe' : null,
    madeBy === '' ? null : madeBy,
  ].filter((text) => text !== null);
  return { port, others: 0, flags, icmp: '', numbers: parts.join(' '), marks: marks.join(' ') };
}

/** What is known about the sender of a packet that the host with its source address did not send. */
function whoseWords({ wire, host }: Passage): string {
  return wire.kind === 'icmp' ? `from ${wire.error.source}` : `not from the ${host}`;
}

/** In tcpdump's short form. */
function icmpLabel({ meaning }: IcmpError): string {
  return `ICMP ${meaning.replace('administratively', 'admin')}`;
}
