import type { Connection } from '../../evidence/connection.ts';
import type { Dropped, HostName } from '../../evidence/events.ts';
import { type Packets, type Passage, packetsOn, passages } from '../../evidence/segments.ts';
import type { Timeline } from '../../evidence/timeline.ts';
import type { IcmpError, Segment } from '../../tcp/segment.ts';
import type { Label } from './label.ts';
import { Numbers } from './numbers.ts';

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
  /** The sender's TCP, what tcplab made past it, or its firewall. */
  origin: 'socket' | 'crafted' | { rule: number | null };
  ending: Ending;
}

type Ending =
  | { what: 'delivered' }
  | { what: 'lost' | 'unseen' }
  /** `out`: at its sender; `in`: at the other host. `by`: the number of a rule, or the kernel's name for why it did. */
  | { what: 'dropped'; hook: 'in' | 'out'; by: number | string };

/** The flights of one connection, in the order of their departure; with `port` in each label when there are several. */
export function flightsOf(timeline: Timeline, connection: Connection, port: number | null): Flight[] {
  const numbers = new Numbers();
  const packets = packetsOn(timeline, connection);
  const crafted = craftedPackets(packets);
  const rejections = new Rejections(timeline, packets);
  return passages(timeline, connection).map((passage): Flight => {
    const { host, wire, atMs, fate } = passage;
    const isCrafted = crafted.take(passage);
    const rejectedBy = isCrafted ? undefined : rejections.take(passage);
    const label =
      wire.kind === 'tcp'
        ? segmentLabel(wire.segment, host, numbers, isCrafted, port)
        : { port, others: 0, flags: null, icmp: icmpLabel(wire.error), numbers: '', marks: '' };
    const isFromFirewall = rejectedBy !== undefined || wire.kind === 'icmp';
    return {
      connection,
      departsMs: atMs,
      arrivesMs: fate === 'delivered' ? passage.arrivedMs : null,
      from: host,
      flags: wire.kind === 'tcp' ? wire.segment.flags : null,
      label,
      origin: isCrafted ? 'crafted' : isFromFirewall ? { rule: rejectedBy ?? null } : 'socket',
      ending: endingOf(passage),
    };
  });
}

function endingOf({ fate }: Passage): Ending {
  if (typeof fate === 'string') return { what: fate };
  if ('dropped' in fate) return { what: 'dropped', hook: fate.dropped.hook, by: fate.dropped.rule };
  const { direction, reason } = fate.discarded;
  return { what: 'dropped', hook: direction === 'sent' ? 'out' : 'in', by: reason };
}

function segmentLabel(
  segment: Segment,
  host: HostName,
  numbers: Numbers,
  crafted: boolean,
  port: number | null,
): Label {
  const { seq, ack, mark } = numbers.tell(host, segment, crafted);
  const { flags, length } = segment;
  const parts = [`seq ${seq}`];
  if (ack !== null) parts.push(`ack ${ack}`);
  if (length > 0) parts.push(`length ${length}`);
  const isShut = segment.window === 0 && !crafted && !/[RS]/.test(flags);
  const marks = [isShut ? 'win 0' : null, mark, crafted ? 'crafted' : null].filter((text) => text !== null);
  return { port, others: 0, flags, icmp: '', numbers: parts.join(' '), marks: marks.join(' ') };
}

/** As short as tcpdump says it. */
function icmpLabel({ meaning }: IcmpError): string {
  return `ICMP ${meaning.replace('administratively', 'admin')}`;
}

/** Crafted packets, each of which explains one passage of the same bytes. */
function craftedPackets({ crafted }: Packets): { take(passage: Passage): boolean } {
  const waiting = crafted.map(({ host, bytes }) => host + bytes);
  return {
    take({ host, bytes }) {
      const index = waiting.indexOf(host + bytes);
      if (index >= 0) waiting.splice(index, 1);
      return index >= 0;
    },
  };
}

/** What rules that reject have stopped: the RST or ICMP error after it comes from the firewall, not from a socket. */
class Rejections {
  readonly #waiting: Dropped[];

  constructor(timeline: Timeline, { seen }: Packets) {
    const rejecting = new Set(
      timeline
        .of('rule-set')
        .filter(({ text }) => text.includes('reject'))
        .map(({ rule }) => rule),
    );
    this.#waiting = seen.filter(
      (event): event is Dropped => event.type === 'dropped' && rejecting.has(event.rule),
    );
  }

  /** The rule that sent this. */
  take({ host, atMs, wire }: Passage): number | undefined {
    if (wire.kind === 'tcp' && !wire.segment.flags.includes('R')) return undefined;
    const to = wire.kind === 'tcp' ? wire.segment.destination : wire.error.quoted.source;
    const index = this.#waiting.findIndex((dropped) => {
      const stopper = dropped.host === host && dropped.hook === 'in' && dropped.atMs <= atMs;
      const { wire: stopped } = dropped;
      return stopper && stopped.kind === 'tcp' && stopped.segment.source.port === to.port;
    });
    return index < 0 ? undefined : this.#waiting.splice(index, 1)[0]?.rule;
  }
}
