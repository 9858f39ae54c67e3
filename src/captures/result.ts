import { formatEndpoint } from '../tcp/endpoint.ts';
import type { State } from '../tcp/state.ts';
import { type Connection, type Name, otherOf } from './connection/connection.ts';
import type { Connections } from './connection/connections.ts';
import type { At, Place } from './connection/place.ts';
import type { CaptureFacts } from './frame.ts';

const READ_FORMAT = 'tcplab.read/1';

/** What a capture shows of one end. */
export interface EndResult {
  /** All that fit just after the last packet, the likeliest first. */
  states: State[];
  /** Why there are several; null when there is one. */
  why: string | null;
  segments: number;
  bytes: number;
  /** Sent, and not acknowledged in the capture. */
  unacknowledged: number;
  retransmissions: number;
  /** Keepalives and probes of a zero window. */
  probes: number;
  zeroWindows: number;
}

export interface ConnectionResult {
  number: number;
  a: string;
  b: string;
  opener: Name | 'both' | 'unknown';
  /** Near which end it was captured, and what shows it; null if that is not known. */
  place: { at: At; because: string; isSure: boolean } | null;
  ends: Record<Name, EndResult>;
  closedFirst: Name | 'both' | 'nobody' | 'unknown';
  resetBy: Name | null;
  /** `b: FIN`: the end, and what its peer waits for. */
  owed: string[];
  cannotKnow: string[];
  /** Times from the capture's first packet on. */
  firstMs: number;
  lastMs: number;
}

export interface ReadResult {
  format: typeof READ_FORMAT;
  file: {
    format: CaptureFacts['format'];
    packets: number;
    /** Of packets that were seen more than once. */
    copies: number;
    dropped: number | null;
    durationMs: number;
    notes: string[];
  };
  connections: ConnectionResult[];
}

/** Where the user says the capture was taken: near an end, or on the host that has these addresses. */
export type GivenPlace = 'client' | 'server' | 'both' | 'between' | { addresses: readonly string[] };

/** All that a capture shows. Call it once all packets are read. */
export function resultOf(
  connections: Connections,
  facts: CaptureFacts,
  notes: string[],
  given?: GivenPlace,
): ReadResult {
  const firstMs = connections.firstMs ?? 0;
  const lastMs = Math.max(connections.lastMs ?? 0, facts.endedMs ?? 0);
  return {
    format: READ_FORMAT,
    file: {
      format: facts.format,
      packets: connections.packets,
      copies: connections.copies,
      dropped: facts.dropped,
      durationMs: Math.max(0, lastMs - firstMs),
      notes,
    },
    connections: connections.all.map((one) =>
      connectionResult(one, placesOf(one, connections, given), {
        firstMs,
        lastMs,
        facts,
        given,
        isCut: connections.cut > 0,
      }),
    ),
  };
}

interface Moments {
  given: GivenPlace | undefined;
  /** Packets are missing from it, by its own count. */
  isCut: boolean;
  firstMs: number;
  /** Of the whole capture. */
  lastMs: number;
  facts: CaptureFacts;
}

function placesOf(
  connection: Connection,
  connections: Connections,
  given: GivenPlace | undefined,
): (Place | null)[] {
  const at = given === undefined ? null : atOf(given, connection);
  if (at === null) return [...connections.placesOf(connection).values()];
  return [{ at, because: '--at says so', isSure: true }];
}

/** Null where the capture does not show which end is meant. */
function atOf(given: GivenPlace, { a, b, opener }: Connection): At | null {
  if (typeof given === 'object') {
    const [isA, isB] = [a, b].map(({ endpoint }) => given.addresses.includes(endpoint.address));
    return isA && isB ? 'both' : isA ? 'a' : isB ? 'b' : null;
  }
  if (given === 'both' || given === 'between') return given;
  if (opener !== 'a' && opener !== 'b') return null;
  return given === 'client' ? opener : otherOf(opener);
}

function connectionResult(
  one: Connection,
  places: (Place | null)[],
  { firstMs, lastMs, facts, given, isCut }: Moments,
): ConnectionResult {
  const place = overall(places);
  // A capture that lost packets may have lost a FIN, wherever it was.
  const isWhole = !facts.dropped && !isCut && !one.hasGaps;
  const isNear = (name: Name) =>
    isWhole && place?.isSure === true && (place.at === name || place.at === 'both');
  const seen = (name: Name) => ({ isNear: isNear(name), sawAll: isNear('a') && isNear('b') });
  const ends = { a: endResult(one, 'a', lastMs, seen('a')), b: endResult(one, 'b', lastMs, seen('b')) };
  if (one.isSelf) ends.b = ends.a;
  const closedFirst = closedFirstOf(one, isNear);
  return {
    number: one.number,
    a: formatEndpoint(one.a.endpoint),
    b: formatEndpoint(one.b.endpoint),
    opener: one.opener,
    place: place && { at: place.at, because: place.because, isSure: place.isSure },
    ends,
    closedFirst,
    resetBy: one.resetBy,
    owed: owedOf(one),
    cannotKnow: unknownsOf(one, ends, place, closedFirst, { facts, given }),
    firstMs: round(one.firstMs - firstMs),
    lastMs: round(one.lastMs - firstMs),
  };
}

function overall(places: (Place | null)[]): Place | null {
  const known = places.filter((place): place is Place => place !== null);
  const [first, ...others] = known;
  if (!first) return null;
  const near = (name: Name) => known.find(({ at }) => at === name || at === 'both');
  const [a, b] = [near('a'), near('b')];
  if (others.length === 0 || !a || !b) return a ?? b ?? first;
  const because = a === b ? a.because : `one interface is near a (${a.because}), one near b (${b.because})`;
  return { at: 'both', because, isSure: a.isSure && b.isSure };
}

function endResult(
  one: Connection,
  name: Name,
  atMs: number,
  seen: { isNear: boolean; sawAll: boolean },
): EndResult {
  const [{ reading, sender }, peer] = [one[name], one[otherOf(name)].sender];
  const isUnheard =
    (peer.fins > 1 && !peer.isFinAcknowledgedBy(sender)) ||
    (peer.syns > 1 && sender.synAcks === 0 && peer.acknowledges === null);
  const found = reading.statesAt(atMs, { ...seen, isUnheard, mayHoldBack: sender.mayHoldBack(peer) });
  const { states, why } = corrected(one, name, found);
  return {
    states,
    why: states.length > 1 ? why : null,
    segments: sender.segments,
    bytes: sender.bytes,
    unacknowledged: sender.unacknowledgedBy(peer),
    retransmissions: sender.retransmissions,
    probes: sender.probes,
    zeroWindows: sender.zeroWindows,
  };
}

/** What other segments than the end's own show. */
function corrected(one: Connection, name: Name, found: { states: State[]; why: string | null }) {
  const isOpener = one.opener === name;
  const peer = one[otherOf(name)].sender;
  // A socket can't be there twice: a SYN-ACK shows that neither end has one of before. A SYN alone may be forged, or late.
  if (one.reused?.isAnswered) return { states: ['CLOSED'] as State[], why: null };
  if (one.reused?.by === name)
    return {
      states: ['CLOSED' as State, ...found.states.filter((state) => state !== 'CLOSED')],
      why: 'it sent a new SYN on these ports, if no other host sent that in its name',
    };
  const own = one[name].sender;
  const isDeaf = isOpener && own.syns > 2 && peer.synAcks > 2 && own.segments === own.syns;
  if (!isDeaf) return found;
  // All SYN-ACKs before the last are known not to have come: each was followed by another SYN.
  return {
    why: 'each SYN-ACK but the last was lost, for another SYN followed it, and the last is taken as lost too',
    states: [
      ...found.states.filter((state) => state === 'SYN-SENT'),
      ...found.states.filter((state) => state === 'CLOSED'),
    ],
  };
}

function closedFirstOf(one: Connection, isNear: (name: Name) => boolean): ConnectionResult['closedFirst'] {
  if (one.closedFirst === 'a' || one.closedFirst === 'b') {
    // The FIN of the other end may be among what is missing.
    const { fin, hasGaps } = one[otherOf(one.closedFirst)].sender;
    return fin === null && hasGaps ? 'unknown' : one.closedFirst;
  }
  if (one.closedFirst !== null) return one.closedFirst;
  if (one.resetBy !== null) return 'nobody';
  if (one.opener === 'unknown') return 'unknown';
  if (one.opener === 'both' || isNear(one.opener)) return 'nobody';
  // The opener's last exchange is over, and what it did then may be out of sight.
  const [own, peer] = [one[one.opener].sender, one[otherOf(one.opener)].sender];
  const isOver =
    own.bytes + peer.bytes > 0 && own.unacknowledgedBy(peer) === 0 && peer.unacknowledgedBy(own) === 0;
  return isOver && !own.answeredProbe && own.window !== 0 ? 'unknown' : 'nobody';
}

function owedOf(one: Connection): string[] {
  if (one.resetBy !== null || one.reused || one.unreachable !== null) return [];
  return (['a', 'b'] as const).flatMap((name) => owedBy(one, name).map((what) => `${name}: ${what}`));
}

function owedBy(one: Connection, name: Name): string[] {
  const [own, peer] = [one[name].sender, one[otherOf(name)].sender];
  // What it acknowledged shows that it was answered, out of sight of the capture.
  if (own.segments === 0 && peer.acknowledges !== null) return [];
  if (peer.syns > 0 && own.segments === 0) return ['SYN-ACK'];
  if (peer.synAcks > 0 && (own.acknowledges === null || (peer.syn !== null && own.acknowledges === peer.syn)))
    return ['ACK of SYN'];
  if (peer.fin !== null && !peer.isFinAcknowledgedBy(own)) return ['ACK of FIN'];
  const owed: string[] = [];
  if (own.window === 0) owed.push('window');
  else if (peer.unacknowledgedBy(own) > 0) owed.push('ACK of data');
  if (peer.isFinAcknowledgedBy(own) && own.fin === null) owed.push('FIN');
  return owed;
}

function unknownsOf(
  one: Connection,
  ends: ConnectionResult['ends'],
  place: Place | null,
  closedFirst: ConnectionResult['closedFirst'],
  { facts, given }: Pick<Moments, 'facts' | 'given'>,
): string[] {
  const unknown: string[] = [];
  for (const name of ['a', 'b'] as const) {
    const { states } = ends[name];
    if (states.length > 1) unknown.push(`which of ${listed(states)} ${name} is in`);
  }
  if (one.opener === 'unknown')
    unknown.push('who opened the connection: the capture begins after its handshake');
  if (closedFirst === 'unknown') unknown.push('whether an end closed: its FIN may be out of sight');
  if (one.hasGaps)
    unknown.push('what the segments held that the capture does not have, and an end acknowledged');
  if (one.resetHops !== null && one.resetBy !== null)
    unknown.push(
      `whether ${one.resetBy} sent the RST: its TTL is ${one.resetHops}, that of its other packets ${one[one.resetBy].hops}`,
    );
  if (!place?.isSure)
    unknown.push(
      given === 'client' || given === 'server'
        ? 'which end is the client, so where it was captured: --at ADDRESS tells it'
        : 'where it was captured: --at tells it',
    );
  if (facts.dropped) unknown.push('what was in the packets that the capture lost');
  if (facts.endedMs === null && facts.format !== 'tcpdump text')
    unknown.push('how long the capture went on after its last packet');
  return unknown;
}

function listed(all: readonly string[]): string {
  return all.length < 3 ? all.join(' and ') : `${all.slice(0, -1).join(', ')} and ${all.at(-1)}`;
}

function round(ms: number): number {
  return Math.round(ms * 1e6) / 1e6;
}
