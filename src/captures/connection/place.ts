import type { SeenSegment } from '../../tcp/syn-options.ts';
import type { SeenPacket } from '../packet.ts';

/** Which end a capture is near, so that it sees whatever that end sends. */
export type At = 'a' | 'b' | 'both' | 'between';

export interface Place {
  at: At;
  /** What shows it. */
  because: string;
  /** Whether it can't be otherwise, so that states may follow from it. */
  isSure: boolean;
}

/** Slower answers than this wait for a program or a timer. */
const KERNEL_MS = 5;
/** A busy host takes that long to answer, so less says nothing about a network between. */
const NETWORK_MS = 1;
/** By how much faster the near end answers. */
const FASTER = 10;
/** Where a TTL begins (net.ipv4.ip_default_ttl and others). */
const FIRST_HOPS: readonly (number | null)[] = [32, 64, 128, 255, null];

interface Host {
  /** The time from a segment of the other end to its answer, logarithms added up. */
  logs: number;
  answers: number;
  hops: number | null;
  out: number;
  in: number;
  partial: number;
  whole: number;
}

function newHost(): Host {
  return {
    logs: 0,
    answers: 0,
    hops: null,
    out: 0,
    in: 0,
    partial: 0,
    whole: 0,
  };
}

/**
 * What the packets between two hosts, seen at one interface, show about where that is. Only a loopback interface is certain:
 * both ends are there. All else has another explanation, so it is a hint, from which no state follows:
 * - Times: a quick server, a busy client, a proxy in the same rack.
 * - Direction: a gateway's PPP interface, a bridge or a host of containers sees one end's packets go out, and is not that end.
 * - Checksums that no NIC has completed yet, and segments above the MTU: they pass virtual links as they are, so they show the
 *   same on the host of a container or a virtual machine, whose firewall may have dropped a FIN before. GRO merges at routers too.
 * - TTLs: a gateway may rewrite them, and a host may begin with any.
 */
export class PlaceEvidence {
  readonly #hosts = new Map<string, Host>();
  /** Of each connection, the packet before. */
  readonly #before = new Map<string, { atMs: number; from: string; flags: string }>();
  #isTagged = false;
  #isLoopback = false;
  /** The same packets were seen coming in and going out: they were forwarded. */
  isForwarded = false;

  add(packet: SeenPacket, key: string, isAgain: boolean): void {
    const { wire, atMs, hops, direction } = packet;
    if (wire.kind !== 'tcp') return;
    const { source, flags } = wire.segment;
    const host = this.#host(source.address);
    this.#isTagged ||= packet.isTagged;
    this.#isLoopback ||= packet.isLoopback;
    host.hops ??= hops;
    if (direction) host[direction]++;
    if (packet.isPartial) host.partial++;
    else host.whole++;
    const from = `${source.address} ${source.port}`;
    const before = this.#before.get(key);
    if (before && before.from !== from && !isAgain)
      this.#answered(host, atMs - before.atMs, before.flags, wire.segment);
    if (this.#before.size >= MOST_CONNECTIONS) this.#before.clear();
    this.#before.set(key, { atMs, from, flags });
  }

  /** Only what a kernel answers by itself: a program takes its time. */
  #answered(host: Host, tookMs: number, asked: string, { flags, length }: SeenSegment): void {
    const isHandshake = asked.includes('S') && !flags.includes('R');
    const isKernels = flags === '.' || flags === 'S.' || flags.includes('R');
    if (tookMs < 0 || !isKernels || length > 0 || (tookMs > KERNEL_MS && !isHandshake)) return;
    host.logs += Math.log(Math.max(tookMs, 1e-3));
    host.answers++;
  }

  of(a: string, b: string, hasTimes: boolean): Place | null {
    const onLoopback = loopbackOf(a, b, this.#isLoopback);
    if (onLoopback) return onLoopback;
    if (this.isForwarded) return guess('between', 'packets come in and go out');
    const [one, other] = [this.#host(a), this.#host(b)];
    const out = byDirection(one, other) ?? byChecksum(one, other);
    if (out) return out;
    const far = { a: !FIRST_HOPS.includes(one.hops), b: !FIRST_HOPS.includes(other.hops) };
    if (far.a && far.b) return guess('between', 'the packets of both ends have passed routers');
    const timed = hasTimes ? byTime(one, other) : null;
    if (far.a || far.b) {
      const near = far.a ? 'b' : 'a';
      const because = `the packets of ${far.a ? 'a' : 'b'} have passed a router (${TTL} ${(far.a ? one : other).hops})`;
      return guess(timed?.at === near ? near : 'between', because);
    }
    if (timed) return timed;
    return this.#isTagged ? guess('between', 'the frames have a VLAN tag, as on a mirror port') : null;
  }

  #host(address: string): Host {
    let host = this.#hosts.get(address);
    if (!host) {
      host = newHost();
      this.#hosts.set(address, host);
    }
    return host;
  }
}

const TTL = 'TTL';
const MOST_CONNECTIONS = 4096;

function guess(at: At, because: string): Place {
  return { at, because, isSure: false };
}

/**
 * MAC addresses of zeros, or the link type of BSD's loopback, are not enough: a tool that makes captures anonymous writes zeros,
 * and macOS gives tunnels that link type. With addresses that never leave a host, or with one address, they are.
 */
function loopbackOf(a: string, b: string, isLoopback: boolean): Place | null {
  const neverLeaves = isHostAddress(a) && isHostAddress(b);
  if (!neverLeaves && !isLoopback && a !== b) return null;
  return {
    at: 'both',
    because: 'both ends are on this host',
    isSure: neverLeaves || (isLoopback && a === b),
  };
}

/** RFC 1122, 3.2.1.3 (g) and RFC 4291, 2.5.3. */
function isHostAddress(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

/** A cooked capture says which way a packet went. */
function byDirection(one: Host, other: Host): Place | null {
  const [a, b] = [one.out > 0 && one.in === 0, other.out > 0 && other.in === 0];
  if (a && b) return guess('both', 'the packets of both ends go out here');
  if (!a && !b) return null;
  return guess(a ? 'a' : 'b', `the packets of ${a ? 'a' : 'b'} go out here`);
}

/** Seen before the NIC completed them; where both ends' are, the wire is virtual and shows nothing. */
function byChecksum(one: Host, other: Host): Place | null {
  const [a, b] = [isUnfinished(one), isUnfinished(other)];
  if (a === b || one.partial + one.whole === 0 || other.partial + other.whole === 0) return null;
  const near = a ? 'a' : 'b';
  if ((a ? other : one).partial > 0) return null;
  return guess(near, `the checksums of ${near} are not complete yet`);
}

/** An RST from a kernel without a socket has a whole checksum, always. */
function isUnfinished({ partial, whole }: Host): boolean {
  return partial > 1 && partial > whole;
}

function meanMs({ logs, answers }: Host): number | null {
  return answers === 0 ? null : Math.exp(logs / answers);
}

function text(ms: number): string {
  return ms < 1 ? `${Math.max(1, Math.round(ms * 1000))} µs` : `${ms.toFixed(1)} ms`;
}

/** Only a network explains such a difference. Between hosts on one machine, or in one rack, times show nothing. */
function byTime(one: Host, other: Host): Place | null {
  const [a, b] = [meanMs(one), meanMs(other)];
  if (a === null || b === null || Math.max(a, b) < Math.max(NETWORK_MS, Math.min(a, b) * FASTER)) return null;
  return guess(a < b ? 'a' : 'b', `a answers in ${text(a)}, b in ${text(b)}`);
}
