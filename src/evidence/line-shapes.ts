import type { Endpoint } from '../tcp/endpoint.ts';
import { SOCKET_EVENTS } from '../tcp/kernel-event.ts';
import type { IcmpError, Segment, WirePacket } from '../tcp/segment.ts';
import type { SequenceNumber } from '../tcp/sequence.ts';
import type { SocketRow, TcpInfo } from '../tcp/socket-row.ts';
import { STATES, type State } from '../tcp/state.ts';
import { CONDITIONS } from './condition-names.ts';
import {
  type HostAbout,
  type HostName,
  type KernelEventsAbout,
  type LabSettings,
  TIMELINE_FORMAT,
  type TimelineLine,
} from './events.ts';
import type { SeenRule } from './seen-rules.ts';
import {
  boolean,
  type Fields,
  isObject,
  list,
  map,
  nullable,
  number,
  object,
  oneOf,
  optional,
  type Shape,
  shown,
  tagged,
  text,
  whole,
} from './shape.ts';

/**
 * What is wrong with a line of a saved timeline; undefined if it is well-formed. A test compares this with
 * schema/timeline.schema.json.
 */
export function flawOfLine(value: unknown): string | undefined {
  if (!isObject(value)) return 'expected an object';
  const { type, ...rest } = value;
  const shape = typeof type === 'string' ? SHAPES.get(type) : undefined;
  if (!shape) return `unknown event type: found ${shown(type)}`;
  const flaw = shape.flawOf(rest, '');
  return flaw && `${type}: ${flaw}`;
}

export function isLineType(type: string): boolean {
  return SHAPES.has(type);
}

type FieldsOf<T extends TimelineLine['type']> = Fields<Omit<Extract<TimelineLine, { type: T }>, 'type'>>;

const host: Shape<HostName> = oneOf('client', 'server');
const state: Shape<State> = oneOf(...STATES);
const time = text(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/, 'a time such as 2026-11-22T05:21:00.000Z');
export const base64: Shape<string> = text(
  /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
  'base64',
);
/** Files are named after it. */
const id = text(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, 'the name of a scenario');
export const address: Shape<string> = text(/^[0-9a-f.:]+$/, 'an address');
export const end: Shape<Endpoint> = object({ address, port: whole(0, 65535) });
const held = object({ host, state });
const endsOfConnection = object({ client: end, server: end });
const perHost = <T>(shape: Shape<T>) => object({ client: optional(shape), server: optional(shape) });
const settings = object({
  sysctls: optional(perHost(map(text()))),
  socketOptions: optional(perHost(map(whole(Number.MIN_SAFE_INTEGER)))),
  clientPort: optional(whole(1, 65_535)),
}) as Shape<LabSettings>;
const atMs = number();
const rule = whole(1);
const unseen = optional(list(object({ fromMs: number(0), toMs: number(0) })));
const seenRule = object<SeenRule>({
  chain: text(),
  handle: nullable(whole(1)),
  hook: nullable(text()),
  text: text(),
  packets: nullable(whole()),
  effect: oneOf('may drop', 'goes on'),
});
const program = whole(1);

const sequence: Shape<SequenceNumber> = whole(0, 2 ** 32 - 1);
const segment: Shape<Segment> = object({
  source: end,
  destination: end,
  seq: sequence,
  ack: nullable(sequence),
  flags: text(/^(?:[FSRP.UEW]{1,8}|none)$/, 'flags such as "S."'),
  window: whole(0, 65535),
  length: whole(0, 65535),
});

const icmpError: Shape<IcmpError> = object({
  source: address,
  destination: address,
  type: whole(0, 255),
  code: whole(0, 255),
  meaning: text(),
  quoted: object({ source: end, destination: end, seq: sequence }),
});

const wire: Shape<WirePacket> = tagged('kind', {
  tcp: object({ kind: oneOf('tcp'), segment }),
  icmp: object({ kind: oneOf('icmp'), error: icmpError }),
});

const packet = { atMs, host, wire, bytes: base64 };
const byProgram = { atMs, host, pid: whole(), thread: whole(), name: text() };

const tcpInfo: Shape<TcpInfo> = object({
  rtoMs: number(0),
  backoff: whole(),
  probes: whole(),
  rttMs: number(0),
  congestionWindow: whole(),
  unacknowledged: whole(),
  totalRetransmits: whole(),
});

export const socketRow: Shape<SocketRow> = object({
  state,
  local: end,
  remote: end,
  timer: oneOf('none', 'retransmission', 'keepalive', 'time-wait', 'probe'),
  expiresMs: nullable(number(0)),
  retransmits: whole(),
  receiveQueue: whole(),
  sendQueue: whole(),
  inode: whole(),
  uid: whole(),
  cookie: text(/^[0-9a-f]+$/, 'a hexadecimal number'),
  info: nullable(tcpInfo),
});

export const kernelEventsAbout: Shape<KernelEventsAbout> = object({
  by: oneOf('bpf', 'tracefs'),
  noDrops: nullable(text()),
  noCalls: nullable(text()),
});

const hostAbout: Shape<HostAbout> = object<HostAbout>({
  place: text(),
  kernel: text(),
  arch: text(),
  firewall: nullable(oneOf('nft', 'iptables')),
  clock: object({ aheadMs: number(), errorMs: number(0) }),
  noKernelEvents: nullable(text()),
  kernelEvents: optional(kernelEventsAbout),
  noPackets: nullable(text()),
});

/** One entry for each type; the compiler asks for it. */
const FIELDS: { [T in TimelineLine['type']]: FieldsOf<T> } = {
  'run-started': {
    format: oneOf(TIMELINE_FORMAT),
    tool: object({
      name: oneOf('tcplab'),
      version: text(/^\d+\.\d+\.\d+/, 'a version'),
    }),
    machine: object({
      kernel: text(),
      arch: text(),
      privilege: oneOf('root', 'user-namespace'),
    }),
    startedAt: time,
    scenarios: list(object({ id, heldBy: text() })),
    repeat: whole(1),
  },
  'lab-opened': {
    atMs,
    format: oneOf(TIMELINE_FORMAT),
    startedAt: time,
    family: oneOf('ipv4', 'ipv6'),
    addresses: object({ client: address, server: address }),
    noKernelEvents: nullable(text()),
    kernelEvents: optional(kernelEventsAbout),
    hosts: optional(object({ client: hostAbout, server: hostAbout })),
    settings: optional(settings),
    watched: optional(boolean()),
  },
  call: {
    atMs,
    host,
    call: text(),
    socket: whole(),
    detail: text(),
    result: text(),
    tookMs: number(0),
  },
  captured: { ...packet, direction: oneOf('sent', 'received') },
  crafted: packet,
  dropped: { ...packet, rule, hook: oneOf('in', 'out') },
  'rule-set': { atMs, host, rule, hook: oneOf('in', 'out'), text: text(), nft: text(), iptables: text() },
  'rule-lifted': { atMs, host, rule },
  'sysctl-written': { atMs, host, name: text(), value: text() },
  'rule-counted': { atMs, host, rule, packets: whole() },
  counted: { atMs, host, counters: map(whole(Number.MIN_SAFE_INTEGER)) },
  sockets: { atMs, host, rows: list(socketRow), tookMs: number(0), sameUntilMs: optional(atMs) },
  'rules-seen': {
    atMs,
    host,
    tookMs: number(0),
    sameUntilMs: nullable(atMs),
    rules: list(seenRule),
    unread: nullable(text()),
  },
  kernel: {
    atMs,
    host,
    name: oneOf(...SOCKET_EVENTS),
    local: end,
    remote: end,
    change: nullable(object({ from: state, to: state })),
    pid: optional(whole()),
    kernelSocket: optional(whole()),
  },
  'kernel-dropped': { ...packet, reason: text(), direction: oneOf('sent', 'received') },
  'program-call': { ...byProgram, call: text(), fd: whole(), detail: text(), local: end, remote: end },
  'program-return': {
    ...byProgram,
    call: text(),
    fd: whole(),
    result: text(),
    tookMs: number(0),
    local: end,
    remote: end,
  },
  'process-exited': { atMs, host, pid: whole(), name: text(), status: whole(0, 255) },
  'program-started': { atMs, host, program, pid: whole(0), command: text() },
  'program-said': { atMs, host, program, stream: oneOf('stdout', 'stderr'), text: text() },
  'program-ended': { atMs, host, program, status: whole(0, 255), signal: nullable(text()) },
  'socket-owned': { atMs, host, inode: whole(1), pid: whole(1), name: text(), fd: whole() },
  'socket-released': { atMs, host, inode: whole(1), pid: whole(1), fd: whole() },
  'socket-options': {
    atMs,
    host,
    local: end,
    remote: end,
    name: text(),
    options: nullable(map(whole(Number.MIN_SAFE_INTEGER))),
    why: nullable(text()),
  },
  claimed: {
    atMs,
    scenario: id,
    held,
    peer: nullable(state),
    connection: endsOfConnection,
    conditions: optional(list(oneOf(...CONDITIONS))),
    reachedMs: number(0),
  },
  held: {
    atMs,
    fromMs: number(0),
    samples: whole(),
    unseen,
  },
  watched: { atMs, fromMs: number(0), samples: whole(), unseen },
  'gave-up': { atMs, scenario: id, held, why: text() },
  noted: { atMs, text: text() },
  'lesson-begun': { atMs, name: text(), digest: text(/^[0-9a-f]{64}$/, 'a SHA-256 in hexadecimal') },
  'lesson-answer': { atMs, step: whole(1), text: text() },
  'lesson-hint': { atMs, step: whole(1) },
  'box-opened': {
    atMs,
    address,
    rules: list(object({ rule, text: text(), nft: text() })),
    sysctls: map(text()),
    mtu: nullable(whole(1)),
    tracks: boolean(),
  },
  'box-entry': {
    atMs,
    from: end,
    to: end,
    entry: nullable(object({ state: text(), replied: boolean(), assured: boolean(), expiresS: whole() })),
    forgotten: optional(boolean()),
  },
  'box-dropped': { atMs, rule, wire, bytes: base64 },
  lost: {
    atMs,
    witness: oneOf('packets', 'kernel-events'),
    host: nullable(host),
    what: text(),
    sinceMs: optional(atMs),
  },
  'scenario-failed': { scenario: id, held, error: text() },
  'run-ended': { durationMs: number(0), lines: whole(2) },
};

const SHAPES = new Map(
  Object.entries(FIELDS).map(([type, fields]) => [type, object(fields as unknown as Fields<object>)]),
);
