import type { SeenSegment } from '../../tcp/syn-options.ts';
import type { SeenPacket } from '../packet.ts';

/** Which end a capture is near, so that it sees whatever that end sends. */
export type At = 'a' | 'b' | 'both' | 'between';

export interface Place {
  at: At;
  /** What shows it. */
  because: string;
  /** Whether that is more than a comparison of two times. */
  isSure: boolean;
}

/** Slower answers than this wait for a program or a timer. */
const KERNEL_MS = 5;
/** No host answers in this time over a network that has routers. */
const NEAR_MS = 0.3;
/** By how much faster the near end answers. */
const FASTER = 5;
/**
 * Near the opener, the answer to a SYN takes so many times as long as that to the SYN-ACK, or longer; near the other end, less: it
 * makes a socket first. Between hosts on one machine, this is right for nine captures in ten (docs/read.md); a network between
 * them makes the difference larger.
 */
const SYN_TAKES = 1.55;
/** Where a TTL begins (net.ipv4.ip_default_ttl and others). */
const FIRST_HOPS: readonly (number | null)[] = [32, 64, 128, 255, null];

interface Host {
  /** The time from a segment of the other end to its answer, logarithms added up. */
  logs: number;
  answers: number;
  /** From the SYN, or from the SYN-ACK, to its answer. */
  handshakeLogs: number;
  handshakes: number;
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
    handshakeLogs: 0,
    handshakes: 0,
    hops: null,
    out: 0,
    in: 0,
    partial: 0,
    whole: 0,
  };
}

/** What the packets between two hosts, seen at one interface, show about where that is. */
export class PlaceEvidence {
  readonly #hosts = new Map<string, Host>();
  /** Of each connection, the packet before. */
  readonly #before = new Map<string, { atMs: number; from: string; flags: string }>();
  #isTagged = false;
  #isLoopback = false;
  /** The packets were seen coming in and going out: they were forwarded. */
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
    if (!isHandshake) return;
    host.handshakeLogs += Math.log(Math.max(tookMs, 1e-3));
    host.handshakes++;
  }

  /** `opener`: the end that sent the SYN; null if that is not known. */
  of(a: string, b: string, opener: 'a' | 'b' | null, hasTimes: boolean): Place | null {
    if (this.#isLoopback || a === b)
      return { at: 'both', because: 'both ends are on this host', isSure: true };
    if (this.isForwarded) return { at: 'between', because: 'packets come in and go out', isSure: true };
    const [one, other] = [this.#host(a), this.#host(b)];
    const out = byDirection(one, other) ?? byChecksum(one, other);
    if (out) return out;
    const far = { a: !FIRST_HOPS.includes(one.hops), b: !FIRST_HOPS.includes(other.hops) };
    if (far.a && far.b)
      return { at: 'between', because: 'the packets of both ends have passed routers', isSure: true };
    const timed = hasTimes ? byTime(one, other, opener) : null;
    if (far.a || far.b) {
      const near = far.a ? 'b' : 'a';
      const because = `the packets of ${far.a ? 'a' : 'b'} have passed a router (${TTL} ${(far.a ? one : other).hops})`;
      return { at: timed?.at === near ? near : 'between', because, isSure: true };
    }
    if (this.#isTagged && timed?.isSure !== true)
      return { at: 'between', because: 'the frames have a VLAN tag, as on a mirror port', isSure: false };
    return timed;
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

/** A cooked capture says which way a packet went. */
function byDirection(one: Host, other: Host): Place | null {
  const [a, b] = [one.out > 0 && one.in === 0, other.out > 0 && other.in === 0];
  if (a && b) return { at: 'both', because: 'both ends send from this host', isSure: true };
  if (!a && !b) return null;
  return { at: a ? 'a' : 'b', because: `the packets of ${a ? 'a' : 'b'} go out here`, isSure: true };
}

/** Seen before the NIC completed them; where both ends' are, the wire is virtual and shows nothing. */
function byChecksum(one: Host, other: Host): Place | null {
  const [a, b] = [isUnfinished(one), isUnfinished(other)];
  if (a === b || one.partial + one.whole === 0 || other.partial + other.whole === 0) return null;
  const near = a ? 'a' : 'b';
  if ((a ? other : one).partial > 0) return null;
  return { at: near, because: `the checksums of ${near} are not complete yet`, isSure: true };
}

/** An RST from a kernel without a socket has a whole checksum, always. */
function isUnfinished({ partial, whole }: Host): boolean {
  return partial > 1 && partial > whole;
}

function byHandshake(one: Host, other: Host, opener: 'a' | 'b' | null): 'a' | 'b' | null {
  if (opener === null || one.handshakes === 0 || other.handshakes === 0) return null;
  const mean = (host: Host) => Math.exp(host.handshakeLogs / host.handshakes);
  const [client, server] = opener === 'a' ? [mean(one), mean(other)] : [mean(other), mean(one)];
  return server >= client * SYN_TAKES ? opener : opener === 'a' ? 'b' : 'a';
}

function meanMs({ logs, answers }: Host): number | null {
  return answers === 0 ? null : Math.exp(logs / answers);
}

function text(ms: number | null): string {
  if (ms === null) return 'no time';
  return ms < 1 ? `${Math.max(1, Math.round(ms * 1000))} µs` : `${ms.toFixed(1)} ms`;
}

function byTime(one: Host, other: Host, opener: 'a' | 'b' | null): Place | null {
  const times = { a: meanMs(one), b: meanMs(other) };
  if (times.a === null && times.b === null) return null;
  if (times.a === null || times.b === null) {
    const [slow, near] = times.a === null ? [times.b, 'a' as const] : [times.a, 'b' as const];
    if ((slow ?? 0) < 0.1)
      return {
        at: times.a === null ? 'b' : 'a',
        because: `only ${times.a === null ? 'b' : 'a'} answers, in ${text(slow)}`,
        isSure: false,
      };
    return { at: near, because: `the other end takes ${text(slow)} to answer`, isSure: false };
  }
  const because = `a answers in ${text(times.a)}, b in ${text(times.b)}`;
  const [fast, slow] = [Math.min(times.a, times.b), Math.max(times.a, times.b)];
  const faster = times.a < times.b ? 'a' : 'b';
  if (fast > NEAR_MS && slow < fast * FASTER) return { at: 'between', because, isSure: false };
  if (slow >= fast * FASTER && slow > NEAR_MS / 3) return { at: faster, because, isSure: true };
  return { at: byHandshake(one, other, opener) ?? faster, because, isSure: false };
}
