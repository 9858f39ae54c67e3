import type { Connection } from '../src/evidence/connection.ts';
import {
  type Captured,
  type Claimed,
  type Crafted,
  type Dropped,
  type Held,
  type HostAbout,
  type HostName,
  type KernelDropped,
  type KernelTraced,
  type LabOpened,
  type Lost,
  otherHost,
  type RuleSet,
  type SocketsSeen,
  TIMELINE_FORMAT,
  type TimelineEvent,
} from '../src/evidence/events.ts';
import { Timeline } from '../src/evidence/timeline.ts';
import { encodePacket, type SegmentToEncode } from '../src/tcp/encode.ts';
import { type Endpoint, formatEndpoint } from '../src/tcp/endpoint.ts';
import { decodePacket, headersOf, type WirePacket } from '../src/tcp/segment.ts';
import type { SocketRow } from '../src/tcp/socket-row.ts';
import type { State } from '../src/tcp/state.ts';

/** Handwritten events, as a lab would put them on its timeline. */

export const CONNECTION: Connection = {
  client: { address: '192.168.2.10', port: 41234 },
  server: { address: '192.168.2.11', port: 80 },
};

const ISN: Record<HostName, number> = { client: 0xffff_fff0, server: 70_000 };

/** In whatever order they are given, as a lab that reads one source after the other. */
export function timelineOf(...events: TimelineEvent[]): Timeline {
  const timeline = new Timeline();
  for (const event of events) timeline.add(event);
  return timeline;
}

/** tcplab made both ends' sockets: no call on them is unknown. */
export const MADE: TimelineEvent[] = (
  [
    ['server', 'bind', formatEndpoint(CONNECTION.server)],
    ['server', 'listen', 'backlog 5'],
    ['client', 'bind', formatEndpoint(CONNECTION.client)],
  ] as const
).map(([host, call, detail]) => {
  return { type: 'call', atMs: 0, host, call, socket: 1, detail, result: 'ok', tookMs: 0 };
});

/** What a host sends to the other; `seq` and `ack` count from the first numbers of the two, as tcpdump prints them. */
export function segment(
  from: HostName,
  flags: string,
  seq: number,
  ack: number | null = null,
  connection: Connection = CONNECTION,
): SegmentToEncode {
  return {
    source: connection[from],
    destination: connection[otherHost(from)],
    seq: (ISN[from] + seq) >>> 0,
    ack: ack === null ? null : (ISN[otherHost(from)] + ack) >>> 0,
    flags,
    window: 64240,
  };
}

function packet(of: SegmentToEncode): { wire: WirePacket; bytes: string } {
  const bytes = encodePacket(of);
  return { wire: decodePacket(bytes) as WirePacket, bytes: bytes.toString('base64') };
}

export function captured(
  atMs: number,
  host: HostName,
  direction: 'sent' | 'received',
  of: SegmentToEncode,
): Captured {
  return { type: 'captured', atMs, host, direction, ...packet(of) };
}

/** Leaves one host and is seen to arrive at the other a little later. */
export function passed(atMs: number, from: HostName, of: SegmentToEncode): TimelineEvent[] {
  return [captured(atMs, from, 'sent', of), captured(atMs + 0.01, otherHost(from), 'received', of)];
}

export function dropped(
  atMs: number,
  host: HostName,
  hook: 'in' | 'out',
  of: SegmentToEncode,
  rule = 1,
): Dropped {
  return { type: 'dropped', atMs, host, rule, hook, ...packet(of) };
}

/** The kernel names no more of a packet than its headers. */
export function kernelDropped(
  atMs: number,
  host: HostName,
  direction: 'sent' | 'received',
  of: SegmentToEncode,
  reason: string,
): KernelDropped {
  const { wire, bytes } = packet(of);
  const headers = headersOf(Buffer.from(bytes, 'base64')) ?? Buffer.alloc(0);
  return { type: 'kernel-dropped', atMs, host, reason, direction, wire, bytes: headers.toString('base64') };
}

export function crafted(atMs: number, host: HostName, of: SegmentToEncode): Crafted {
  return { type: 'crafted', atMs, host, ...packet(of) };
}

export function ruleSet(atMs: number, host: HostName, text: string, rule = 1): RuleSet {
  return { type: 'rule-set', atMs, host, rule, hook: 'in', text, nft: text, iptables: text };
}

/** The socket table of a host: its end of the connection in a state, and what else there is. */
export function sockets(
  atMs: number,
  host: HostName,
  state: State | null,
  ...others: SocketRow[]
): SocketsSeen {
  const own = state === null ? [] : [row(state, CONNECTION[host], CONNECTION[otherHost(host)])];
  return { type: 'sockets', atMs, tookMs: 0.2, host, rows: [...others, ...own] };
}

export function row(state: State, local: Endpoint, remote: Endpoint): SocketRow {
  return {
    state,
    local,
    remote,
    timer: 'none',
    expiresMs: null,
    retransmits: 0,
    receiveQueue: 0,
    sendQueue: 0,
    inode: 1,
    uid: 0,
    cookie: '1',
    info: null,
  };
}

export function listenerRow(address = '0.0.0.0', port: number = CONNECTION.server.port): SocketRow {
  const unspecified = address.includes(':') ? '::' : '0.0.0.0';
  return row('LISTEN', { address, port }, { address: unspecified, port: 0 });
}

export function kernelSaw(atMs: number, host: HostName, from: State, to: State): KernelTraced {
  const [local, remote] = [CONNECTION[host], CONNECTION[otherHost(host)]];
  return { type: 'kernel', atMs, host, name: 'inet_sock_set_state', local, remote, change: { from, to } };
}

/** A listener has no peer: the kernel prints port 0 and the unspecified address. */
export function kernelSawListener(atMs: number, from: State, to: State): KernelTraced {
  const remote = { address: '0.0.0.0', port: 0 };
  return { ...kernelSaw(atMs, 'server', from, to), remote };
}

/** With kernel events, unless it says why there are none. */
export function opened(noKernelEvents: string | null = null): LabOpened {
  return {
    ...(noKernelEvents === null ? { kernelEvents: { by: 'bpf', noDrops: null, noCalls: null } } : {}),
    type: 'lab-opened',
    atMs: 0,
    format: TIMELINE_FORMAT,
    startedAt: '2026-11-22T05:21:00.000Z',
    family: 'ipv4',
    addresses: { client: '192.168.2.10', server: '192.168.2.11' },
    noKernelEvents,
  };
}

/** A remote machine that can do everything. */
export const HOST_ABOUT: HostAbout = {
  place: 'ssh:a',
  kernel: '6.1.0',
  arch: 'x64',
  firewall: 'nft',
  clock: { aheadMs: 0, errorMs: 0.1 },
  noKernelEvents: null,
  kernelEvents: { by: 'bpf', noDrops: null, noCalls: null },
  noPackets: null,
};

export function claimed(atMs: number, host: HostName, state: State, peer: State | null = null): Claimed {
  const claim = { held: { host, state }, peer, connection: CONNECTION };
  return { type: 'claimed', atMs, scenario: 'by-hand', reachedMs: atMs, ...claim };
}

export function heldFrom(fromMs: number, atMs: number, samples = 10): Held {
  return { type: 'held', atMs, fromMs, samples };
}

export function lost(atMs: number, witness: Lost['witness'], host: HostName | null, what: string): Lost {
  return { type: 'lost', atMs, witness, host, what };
}
