import { isIP } from 'node:net';
import { printable } from '../../printable.ts';
import type { Endpoint } from '../../tcp/endpoint.ts';
import { furthest } from '../../tcp/possibility.ts';
import { type SequenceNumber, seqAdd, seqDistance, sequenceNumber } from '../../tcp/sequence.ts';
import type { SeenSegment, SynOptions } from '../../tcp/syn-options.ts';
import type { CaptureFacts } from '../frame.ts';
import type { SeenPacket } from '../packet.ts';

/** Characters of a line that are read; the rest of it is not. */
const LONGEST_LINE = 16_384;
/** Flows whose first numbers are remembered. */
const MOST_FLOWS = 50_000;

/** Names that tcpdump without -n prints for ports (/etc/services). */
const PORTS: Readonly<Record<string, number>> = {
  'ftp-data': 20,
  ftp: 21,
  ssh: 22,
  telnet: 23,
  smtp: 25,
  domain: 53,
  http: 80,
  pop3: 110,
  imap2: 143,
  https: 443,
  submission: 587,
  imaps: 993,
  mysql: 3306,
  postgresql: 5432,
  amqp: 5672,
  redis: 6379,
  'http-alt': 8080,
};

interface Flow {
  /** Of the end whose name comes first, and of the other: what relative numbers are counted from. */
  bases: Record<string, SequenceNumber>;
}

/** The lines that tcpdump prints, as people paste them: with dates or without, cooked, with -e, -v, -S, -t. */
export class TcpdumpText {
  readonly facts: CaptureFacts = { format: 'tcpdump text', dropped: null, endedMs: null };
  /** Whether times can be compared: not with -t. */
  hasTimes = true;
  /** Lines about TCP that lack what is needed; the first is shown. */
  unread = 0;
  firstUnread = '';
  /** Of -q, which prints neither flags nor numbers. */
  quiet = 0;
  packets = 0;
  readonly #flows = new Map<string, Flow>();
  #rest = '';
  #atMs = 0;
  #isDelta: boolean | undefined;
  /** What the line before says that begins a packet of -v. */
  #before: { hops: number | null; mark: number; head: string } | undefined;
  readonly #decoder = new TextDecoder();

  *push(chunk: Uint8Array): Generator<SeenPacket> {
    const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split('\n');
    this.#rest = (lines.pop() ?? '').slice(0, LONGEST_LINE);
    for (const line of lines) yield* this.#line(line.slice(0, LONGEST_LINE));
  }

  *end(): Generator<SeenPacket> {
    yield* this.#line(this.#rest);
    this.#rest = '';
  }

  get notes(): string[] {
    return this.unread === 0
      ? []
      : [
          `${this.unread} lines about TCP could not be read, first: ${printable(this.firstUnread.slice(0, 120))}`,
        ];
  }

  *#line(line: string): Generator<SeenPacket> {
    const counted = /^(\d+) packets? dropped by kernel/.exec(line);
    if (counted) this.facts.dropped = Number(counted[1]);
    const isNext = /^\s/.test(line) && this.#before !== undefined;
    if (!isNext) this.#before = headOf(line);
    const ends = /(?:^|[\s,])(?:IP6? |)(\S+)\.([\w-]+) > (\S+)\.([\w-]+): (.*)$/.exec(line);
    if (!ends) return;
    const rest = ends[5] ?? '';
    if (/^tcp \d+/.test(rest)) {
      this.quiet++;
      return;
    }
    const flags = /^Flags \[([^\]]*)\]/.exec(rest)?.[1];
    if (flags === undefined) return;
    const packet = this.#packet(ends, flags, rest, isNext ? `${this.#before?.head ?? ''} ${line}` : line);
    if (packet) {
      this.packets++;
      yield packet;
    } else {
      this.unread++;
      this.firstUnread ||= line.trim();
    }
  }

  #packet(ends: RegExpExecArray, shown: string, rest: string, line: string): SeenPacket | undefined {
    const [source, destination] = [endpointOf(ends[1], ends[2]), endpointOf(ends[3], ends[4])];
    const length = /, length (\d+)/.exec(rest)?.[1];
    const seqText = /, seq (\d+)(?::(\d+))?/.exec(rest);
    const ackText = /, ack (\d+)/.exec(rest)?.[1];
    if (!source || !destination || length === undefined) return undefined;
    const flags = flagsOf(shown);
    if (flags === undefined) return undefined;
    const numbers = this.#numbers(source, destination, flags, Number(length), seqText?.[1], ackText);
    this.#atMs = this.#timeOf(line);
    const options = /options \[([^\]]*)\]/.exec(rest)?.[1] ?? '';
    const segment: SeenSegment = {
      source,
      destination,
      ...numbers,
      flags,
      window: Number(/, win (\d+)/.exec(rest)?.[1] ?? 0),
      length: Number(length),
      ...(flags.includes('S') && { options: synOptionsOf(options) }),
    };
    const way = /(?:^|\s)(\S+)\s+(In|Out|P|B|M)\s+(?:IP|ethertype|[0-9a-f]{2}:)/.exec(line);
    const frame = /([0-9a-f:]{17}) > ([0-9a-f:]{17}),/.exec(line);
    const vlan = /vlan (\d+)/.exec(line)?.[1];
    return {
      atMs: this.#atMs,
      wire: { kind: 'tcp', segment },
      sighting: [way?.[1] ?? '', way?.[2] ?? '', frame?.[0] ?? '', vlan ?? ''].join(' '),
      direction: way ? (way[2] === 'Out' ? 'out' : 'in') : null,
      interface: 0,
      hops: this.#before?.hops ?? null,
      mark: markOf(options) ^ (this.#before?.mark ?? 0),
      hasOwnMark: (this.#before?.mark ?? 0) !== 0,
      isPartial: false,
      isTagged: vlan !== undefined,
      isLoopback: way?.[1] === 'lo' || frame?.[0] === NO_ADDRESSES,
    };
  }

  /** tcpdump counts from the first packet of a flow, and again from each SYN, whose numbers it prints whole (print-tcp.c). */
  #numbers(
    source: Endpoint,
    destination: Endpoint,
    flags: string,
    length: number,
    seqText?: string,
    ackText?: string,
  ): Pick<SeenSegment, 'seq' | 'ack'> {
    const [from, to] = [`${source.address} ${source.port}`, `${destination.address} ${destination.port}`];
    const key = from < to ? `${from} ${to}` : `${to} ${from}`;
    const known = this.#flows.get(key);
    const ackFlag = flags.includes('.');
    if (!known || flags.includes('S')) {
      const ack = ackText === undefined ? null : sequenceNumber(Number(ackText));
      // A bare ACK has no number of its own in the text: it is that of the next byte, whatever it is.
      const seq = sequenceNumber(Number(seqText ?? 0));
      if (this.#flows.size >= MOST_FLOWS) this.#flows.clear();
      const before = known?.bases ?? {};
      const bases: Flow['bases'] = { ...before };
      if (seqText !== undefined) bases[from] = seq;
      if (ack !== null) bases[to] = seqAdd(ack, -1);
      bases[`next ${from}`] = seqAdd(seq, length + Number(flags.includes('S')) + Number(flags.includes('F')));
      if (ack !== null) bases[`next ${to}`] ??= ack;
      this.#flows.set(key, { bases });
      return { seq, ack: ackFlag ? ack : null };
    }
    const { bases } = known;
    const absolute = (text: string | undefined, name: string): SequenceNumber | null => {
      if (text === undefined) return null;
      const [number, base] = [Number(text), bases[name]];
      if (base === undefined) {
        bases[name] = sequenceNumber(number);
        return sequenceNumber(number);
      }
      // With -S all numbers are whole: those are closer to the first number than to 0.
      const distance = seqDistance(sequenceNumber(number), base);
      return distance >= 0 && distance < number ? sequenceNumber(number) : seqAdd(base, number);
    };
    const ack = absolute(ackText, to);
    const seq = absolute(seqText, from) ?? this.#nextOf(bases, from);
    const next = seqAdd(seq, length + Number(flags.includes('F')));
    if (!flags.includes('R')) bases[`next ${from}`] = furthest(this.#nextOf(bases, from), next);
    return { seq, ack: ackFlag ? ack : null };
  }

  #nextOf(bases: Flow['bases'], from: string): SequenceNumber {
    return bases[`next ${from}`] ?? seqAdd(bases[from] ?? sequenceNumber(0), 1);
  }

  #timeOf(line: string): number {
    const time = /(?:(\d{4}-\d\d-\d\d) )?(\d\d):(\d\d):(\d\d)\.(\d+)/.exec(line);
    const epoch = /^\s*(\d{9,11}\.\d+)/.exec(line);
    if (epoch) return Number(epoch[1]) * 1000;
    if (!time) {
      this.hasTimes = false;
      return this.#atMs + 1e-3;
    }
    const [, date, hours, minutes, seconds, fraction] = time;
    const dayMs = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(`${seconds}.${fraction}`)) * 1000;
    if (date !== undefined) return Date.parse(`${date}T00:00:00Z`) + dayMs;
    // -ttt prints the time since the packet before: the first has none.
    this.#isDelta ??= dayMs === 0;
    if (this.#isDelta) return this.#atMs + dayMs;
    const DAY_MS = 86_400_000;
    // After midnight.
    return dayMs + DAY_MS * Math.max(0, Math.round((this.#atMs - dayMs) / DAY_MS));
  }
}

const NO_ADDRESSES = '00:00:00:00:00:00 > 00:00:00:00:00:00,';

function headOf(line: string): { hops: number | null; mark: number; head: string } | undefined {
  const hops = /\((?:tos .*?ttl (\d+), id (\d+)|.*?hlim (\d+))/.exec(line);
  if (!hops) return undefined;
  return { hops: Number(hops[1] ?? hops[3]), mark: Number(hops[2] ?? 0), head: line };
}

function endpointOf(address = '', portText = ''): Endpoint | undefined {
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : PORTS[portText];
  if (port === undefined || port > 65_535) return undefined;
  // A host's name is as good: it is only compared.
  const isName = isIP(address) === 0;
  return isName && !/^[\w.-]{1,253}$/.test(address) ? undefined : { address, port };
}

/** `none`, or tcpdump's letters. */
function flagsOf(shown: string): string | undefined {
  if (shown === 'none') return 'none';
  return /^[SFRPUEWe.]+$/.test(shown)
    ? [...'FSRP.UEW'].filter((letter) => shown.includes(letter)).join('')
    : undefined;
}

function synOptionsOf(options: string): SynOptions {
  const scale = /wscale (\d+)/.exec(options)?.[1];
  return {
    windowScale: scale === undefined ? null : Math.min(Number(scale), 14),
    sack: options.includes('sackOK'),
  };
}

function markOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
