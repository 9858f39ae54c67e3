import { SystemError } from '../../error.ts';
import { type Connection, type ConnectionEnd, endOf } from '../../evidence/connection.ts';
import type { Captured, TimelineEvent } from '../../evidence/events.ts';
import { rowOf, stateInTable } from '../../evidence/witness/socket-table.ts';
import type { SocketNumber } from '../../lab/host.ts';
import type { Lab, Tables } from '../../lab/lab.ts';
import { encodePacket } from '../../tcp/encode.ts';
import { type Endpoint, formatEndpoint } from '../../tcp/endpoint.ts';
import {
  afterEnd,
  afterPeer,
  type Call,
  EVENTS,
  type Event,
  type Numbers,
  segmentOf,
} from '../../tcp/matrix/events.ts';
import { isPassive, type Row } from '../../tcp/matrix/rows.ts';
import type { Segment } from '../../tcp/segment.ts';
import { sequenceNumber } from '../../tcp/sequence.ts';
import type { State } from '../../tcp/state.ts';

/**
 * For how long the end is watched after the event. Longer than a delayed ACK takes (40 ms), shorter than the first retransmission
 * (200 ms): both are times of Linux (include/net/tcp.h, TCP_DELACK_MIN and TCP_RTO_MIN).
 */
export const WATCHED_MS = 120;

const [FIRST_PORT, BARRIER_PORT] = [10_001, 10_000];

/** A segment that the end sent, or that arrived there. */
export interface SeenPacket {
  atMs: number;
  segment: Segment;
}

/** One connection, in which one event happens. The end under test is the server's; its peer is crafted. */
export interface Trial {
  row: Row;
  event: Event;
  connection: Connection;
  numbers: Numbers;
  sent: SeenPacket[];
  /** The IP packet that the end sent last. */
  lastPacket: Buffer | undefined;
  /** When the latest crafted packet arrived. */
  arrivedMs: number | undefined;
  /** What a program has of it: the listener, and the connection's descriptor. */
  listener?: SocketNumber | undefined;
  socket?: SocketNumber | undefined;
  /** When the event happened, and what its call gave. */
  fired?: { fromMs: number; call: string | null };
  /** The errno that the socket has (SO_ERROR); null without one. */
  error: string | null;
  after: State | undefined;
  /** When that was read, at the latest. */
  readMs: number;
  /** How many segments the kernel has counted as retransmitted by then. */
  retransmitted: number;
  /** Why the event could not happen. */
  missing?: string;
}

/**
 * Brings the end of a connection for each event into the row's state, all in one lab, and lets the event happen. Calls `onFired`
 * when all that is left to do is to wait.
 */
export async function drive(
  lab: Lab,
  row: Row,
  events: readonly Event[],
  onFired: () => void = () => {},
): Promise<Trial[]> {
  // One port is enough: each trial has one of the end under test.
  const peer = lab.nextClientEndpoint();
  const trials = events.map((event, index) => begin(lab, peer, row, event, index));
  const leave = lab.timeline.follow(noter(trials));
  try {
    // No socket of the peer's host may answer.
    await lab.client.setRule({ hook: 'in', peer: lab.server.address, fate: 'drop' });
    for (const [name, state] of row.path) await step(lab, trials, eventNamed(name), state);
    for (const trial of trials) await fire(lab, trial);
    onFired();
    const tables = await watch(lab, peer);
    const readMs = lab.nowMs();
    for (const trial of trials) {
      trial.readMs = readMs;
      trial.retransmitted = rowOf(tables.server, endUnderTest(trial))?.info?.totalRetransmits ?? 0;
      trial.after = stateInTable(tables.server, endUnderTest(trial));
      trial.error = await errorOf(lab, trial);
    }
    return trials;
  } finally {
    leave();
  }
}

/** The end under test; after a passive open it is the listener too, to which it returns. */
function endUnderTest({ row, event, connection }: Trial): ConnectionEnd {
  const mayListen = row.path.length < 3 && (isPassive(row) || event.name === 'call-listen');
  return endOf(connection, 'server', mayListen ? 'LISTEN' : 'CLOSED');
}

function begin(lab: Lab, peer: Endpoint, row: Row, event: Event, index: number): Trial {
  const isn = sequenceNumber(Math.floor(Math.random() * 2 ** 32));
  const zero = sequenceNumber(0);
  const server = { address: lab.server.address, port: FIRST_PORT + index };
  return {
    ...{ row, event, connection: { client: peer, server } },
    numbers: { isn, pn: isn, sn: zero, su: zero },
    ...{
      sent: [],
      lastPacket: undefined,
      arrivedMs: undefined,
      error: null,
      after: undefined,
      readMs: 0,
      retransmitted: 0,
    },
  };
}

/** Notes for each trial what its end sends and gets. */
function noter(trials: readonly Trial[]): (event: TimelineEvent) => void {
  const byPort = new Map(trials.map((trial) => [trial.connection.server.port, trial]));
  return (event) => {
    if (event.type !== 'captured' || event.host !== 'server') return;
    const trial = byPort.get(serverPortOf(event));
    if (!trial) return;
    if (event.direction === 'received') trial.arrivedMs = event.atMs;
    else if (event.wire.kind === 'tcp') {
      const { segment } = event.wire;
      trial.sent.push({ atMs: event.atMs, segment });
      trial.lastPacket = Buffer.from(event.bytes, 'base64');
      trial.numbers = afterEnd(trial.numbers, segment);
    }
  };
}

function serverPortOf({ direction, wire }: Captured): number {
  if (wire.kind === 'icmp') return wire.error.quoted.source.port;
  return (direction === 'sent' ? wire.segment.source : wire.segment.destination).port;
}

function eventNamed(name: string): Event {
  return EVENTS.find((event) => event.name === name) as Event;
}

/** One step of all: they wait together. */
async function step(lab: Lab, trials: readonly Trial[], event: Event, state: State): Promise<void> {
  const before = trials.map(({ sent }) => sent.length);
  for (const trial of trials) {
    const sent = await happen(lab, trial, event);
    if (sent) trial.numbers = afterPeer(trial.numbers, sent);
  }
  const sends = SENDING.has(event.name);
  const isReached = async (trial: Trial, tables: Tables, index: number) => {
    const end = endOf(trial.connection, 'server', state);
    if (stateInTable(tables.server, end) !== state) return false;
    if (sends && trial.sent.length === before[index]) return false;
    if (state !== 'ESTABLISHED' || trial.socket !== undefined || trial.listener === undefined) return true;
    trial.socket = await lab.server.accept(trial.listener);
    return trial.socket !== undefined;
  };
  const failure = `${event.name} did not lead to ${state} in the row ${trials[0]?.row.name}`;
  await lab.waitFor({ failure }, async () => {
    const tables = await lab.observe();
    for (const [index, trial] of trials.entries())
      if (!(await isReached(trial, tables, index))) return undefined;
    return true;
  });
}

/** Events of a path whose SYN or FIN has to be seen before the next: its number is needed. */
const SENDING: ReadonlySet<string> = new Set(['syn-same', 'call-connect', 'call-shutdown', 'call-close']);

/** Lets the event of the trial happen. */
async function fire(lab: Lab, trial: Trial): Promise<void> {
  const { event } = trial;
  trial.arrivedMs = undefined;
  const fired = { fromMs: lab.nowMs(), call: null as string | null };
  trial.fired = fired;
  if (event.kind === 'call') fired.call = await call(lab, trial, event.call);
  else if (event.kind === 'icmp' && !icmpOf(lab, event)) trial.missing = 'IPv6 has no such message';
  else await happen(lab, trial, event);
}

/** Gives the segment that was sent. */
async function happen(lab: Lab, trial: Trial, event: Event) {
  const { client: source, server: destination } = trial.connection;
  if (event.kind === 'call') await call(lab, trial, event.call);
  if (event.kind === 'icmp') {
    const code = icmpOf(lab, event);
    const quoted = trial.lastPacket ?? neverSent(destination, source);
    const [from, to] = [source.address, destination.address];
    if (code) await lab.client.sendIcmp({ source: from, destination: to, ...code, quoted });
  }
  if (event.kind !== 'segment') return undefined;
  const segment = segmentOf(event, trial.numbers, source, destination);
  await lab.client.sendSegment(segment);
  return segment;
}

function icmpOf({ family }: Lab, event: Extract<Event, { kind: 'icmp' }>) {
  return family === 'ipv6' ? event.ipv6 : event.ipv4;
}

/** What an ICMP error quotes of an end that has sent nothing. */
function neverSent(source: Endpoint, destination: Endpoint): Buffer {
  return encodePacket({ source, destination, seq: 0, ack: null, flags: '.', window: 0 });
}

/** Makes a call of the end's program; gives what it returned, or the errno. Without a descriptor there is no call. */
async function call({ server }: Lab, trial: Trial, name: Call): Promise<string | null> {
  const { connection, row } = trial;
  const isFirst = trial.socket === undefined && trial.listener === undefined && row.path.length < 2;
  if (isFirst || (!trial.fired && OPENING.has(name))) {
    trial.socket = await server.openSocket();
    await server.bind(trial.socket, connection.server);
  }
  // A connection in the handshake after listen() has no descriptor; nor has one that was closed.
  const socket = trial.socket ?? (row.state === 'LISTEN' ? trial.listener : undefined);
  if (socket === undefined) {
    trial.missing = `no descriptor refers to the connection in ${row.name}`;
    return null;
  }
  const made: Record<Call, () => Promise<string>> = {
    listen: () => server.listen(socket, 16).then(said),
    connect: async () => (await server.connect(socket, connection.client)) ?? 'ok',
    send: async () => String(await server.send(socket, Buffer.alloc(10, 'x'))),
    recv: async () => String((await server.receive(socket))?.length ?? 'EAGAIN'),
    shutdown: () => server.shutdown(socket).then(said),
    close: () => server.close(socket).then(said),
    abort: () => server.abort(socket).then(said),
  };
  try {
    return await made[name]();
  } catch (error) {
    if (error instanceof SystemError) return error.errno;
    throw error;
  } finally {
    const place = trial.socket === undefined ? 'listener' : 'socket';
    if (name === 'close' || name === 'abort') trial[place] = undefined;
    if (name === 'listen' && !trial.fired) [trial.listener, trial.socket] = [socket, undefined];
  }
}

const OPENING: ReadonlySet<Call> = new Set(['listen', 'connect']);

function said(): string {
  return 'ok';
}

/**
 * Waits until an answer that the end gives at once must have been seen, and then for as long as it may put one off. What is sent
 * to a closed port last is answered last.
 */
async function watch(lab: Lab, source: Endpoint): Promise<Tables> {
  const destination = { address: lab.server.address, port: BARRIER_PORT };
  let isAnswered = false;
  const leave = lab.timeline.follow((event) => {
    isAnswered ||=
      event.type === 'captured' &&
      event.host === 'server' &&
      event.direction === 'sent' &&
      serverPortOf(event) === BARRIER_PORT;
  });
  await lab.client.sendSegment({ source, destination, seq: 1, ack: null, flags: 'S', window: 65_535 });
  const failure = `no reply from the closed port ${formatEndpoint(destination)}`;
  let untilMs = Number.POSITIVE_INFINITY;
  try {
    return await lab.waitFor({ failure }, async () => {
      const tables = await lab.observe();
      if (isAnswered) untilMs = Math.min(untilMs, lab.nowMs() + WATCHED_MS);
      return lab.nowMs() >= untilMs ? tables : undefined;
    });
  } finally {
    leave();
  }
}

async function errorOf({ server }: Lab, { socket, listener, row }: Trial): Promise<string | null> {
  const descriptor = socket ?? (row.state === 'LISTEN' ? listener : undefined);
  return descriptor === undefined ? null : server.takeError(descriptor);
}
