import { readFileSync } from 'node:fs';
import type { Fact, Input, Knowledge } from '../../src/tcp/fold.ts';
import { sequenceNumber } from '../../src/tcp/sequence.ts';
import type { State } from '../../src/tcp/state.ts';
import type { SeenSegment } from '../../src/tcp/syn-options.ts';

/** One cell of linux.ndjson: a state of Linux, an event, and what came of it. */
export interface Cell {
  /** `(active)`: opened by connect(); `(closed)`: by close() instead of shutdown(). */
  state: string;
  event: string;
  after: State;
  /** What Linux sent in reply, by its flags. */
  answer: string;
  /** Whether a socket listens on the port afterwards. */
  listener: boolean;
  /** What the call gave. */
  call: string | null;
  error: string | null;
  /** What Linux sent: numbers from both sides' first ones. */
  segments: {
    f: string;
    after_ms: number;
    len: number;
    win: number;
    seq: number | null;
    ack: number | null;
  }[];
}

export const CELLS: Cell[] = readFileSync(new URL('linux.ndjson', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));

/** What a driver that makes all calls itself knows. */
const DRIVER: Knowledge = {
  calls: 'all',
  maker: null,
  listens: null,
  closedListener: null,
  hasQueueSpace: true,
  isQueueFull: false,
  defersAccept: false,
  synCookies: 'never',
  inConnect: false,
  rfc1337: false,
  finTimeoutMs: 60_000,
};

const STACK = { address: '10.9.0.1', port: 80 };
const PEER = { address: '10.9.0.2', port: 5000 };
const ISS = 70_000_000;
const ISN = 4_294_967_290;
const FAR = 1_000_000;
const OPTIONS = { windowScale: null, sack: false };

type Numbers = { pn: number; sn: number; su: number };
const NUMBERS: Record<string, Numbers> = {
  CLOSED: { pn: 0, sn: 0, su: 0 },
  LISTEN: { pn: 0, sn: 0, su: 0 },
  'SYN-SENT': { pn: 0, sn: 1, su: 0 },
  'SYN-RECEIVED': { pn: 1, sn: 1, su: 0 },
  ESTABLISHED: { pn: 1, sn: 1, su: 1 },
  'FIN-WAIT-1': { pn: 1, sn: 2, su: 1 },
  'FIN-WAIT-2': { pn: 1, sn: 2, su: 2 },
  'CLOSE-WAIT': { pn: 2, sn: 1, su: 1 },
  CLOSING: { pn: 2, sn: 2, su: 1 },
  'LAST-ACK': { pn: 2, sn: 2, su: 1 },
  'TIME-WAIT': { pn: 2, sn: 2, su: 2 },
};

function segment(
  flags: string,
  [from, to]: [typeof STACK, typeof STACK],
  seq: number,
  ack: number | null,
  length: number,
  window: number,
): SeenSegment {
  const options = flags.includes('S') ? { options: OPTIONS } : {};
  return {
    source: from,
    destination: to,
    flags,
    seq: sequenceNumber(seq),
    ack: ack === null ? null : sequenceNumber(ack),
    length,
    window,
    ...options,
  };
}

function sent(flags: string, seq: number, ack: number | null, length = 0): Input {
  const wireAck = ack === null ? null : (ISN + ack) >>> 0;
  return {
    atMs: 0,
    direction: 'sent',
    segment: segment(flags, [STACK, PEER], ISS + seq, wireAck, length, 64240),
  };
}

function got(flags: string, seq: number, ack: number | null, length = 0): Input {
  const wireAck = ack === null ? null : (ISS + ack) >>> 0;
  return {
    atMs: 0,
    direction: 'received',
    segment: segment(flags, [PEER, STACK], ISN + seq, wireAck, length, 65535),
  };
}

const called = (call: 'close' | 'shutdown' | 'abort'): Fact => ({ atMs: 0, called: call, certain: true });

function before(state: string): (Input | Fact)[] {
  const [name, way] = state.split(' ') as [State, string | undefined];
  const shut = called(way === '(closed)' ? 'close' : 'shutdown');
  const request = [got('S', 0, null), sent('S.', 0, 1)];
  const established = [...request, got('.', 1, 1)];
  const finWait1 = [...established, sent('F.', 1, 1), shut];
  const finWait2 = [...finWait1, got('.', 1, 2)];
  const closeWait = [...established, got('F.', 1, 1), sent('.', 1, 2)];
  const synSent = [sent('S', 0, null)];
  const crossed = [...synSent, got('S', 0, null), sent('S.', 0, 1)];
  const histories: Record<State, (Input | Fact)[]> = {
    CLOSED: [],
    LISTEN: [],
    'SYN-SENT': synSent,
    'SYN-RECEIVED': way === '(active)' ? crossed : request,
    ESTABLISHED: established,
    'FIN-WAIT-1': finWait1,
    'FIN-WAIT-2': finWait2,
    'CLOSE-WAIT': closeWait,
    CLOSING: [...finWait1, got('F.', 1, 1), sent('.', 2, 2)],
    'LAST-ACK': [...closeWait, sent('F.', 1, 2), called('close')],
    'TIME-WAIT': [...finWait2, got('F.', 1, 2), sent('.', 2, 2)],
  };
  return histories[name];
}

function icmp(code: number, seq: number): Input {
  const quoted = { source: STACK, destination: PEER, seq: sequenceNumber(ISS + seq) };
  const error = { source: PEER.address, destination: STACK.address, type: 3, code, meaning: '', quoted };
  return { atMs: 0, direction: 'received', icmp: error };
}

/** The event as test/matrix/README.md lists them; undefined for calls and for `nothing`. */
function arrival(state: string, event: string): Input | undefined {
  const [name] = state.split(' ') as [State];
  const { pn, sn, su } = NUMBERS[name] as Numbers;
  const near = ['CLOSED', 'LISTEN', 'SYN-SENT'].includes(name) ? pn : pn + 100;
  // What the stack sent last.
  const last =
    name === 'SYN-SENT' || name === 'SYN-RECEIVED'
      ? 0
      : sn - Number(/FIN|CLOS|LAST/.test(name) && name !== 'CLOSE-WAIT');
  const events: Record<string, Input> = {
    'syn-new': got('S', near, null),
    'syn-same': got('S', 0, null),
    'syn-out': got('S', pn + FAR, null),
    'syn+data': got('S', near, null, 10),
    'syn+fin': got('SF', near, null),
    'syn-ack': got('S.', 0, sn),
    'syn-ack-win': got('S.', near, sn),
    'syn-ack-badack': got('S.', near, sn + 1000),
    'ack-ok': got('.', pn, sn),
    'ack-una': got('.', pn, su),
    'ack-too-new': got('.', pn, sn + 1000),
    'ack-too-old': got('.', pn, su - FAR),
    fin: got('F.', pn, su),
    'fin-ack': got('F.', pn, sn),
    'fin-noack': got('F', pn, null),
    'fin-again': got('F.', pn - 1, su),
    'fin-psh': got('FP.', pn, sn),
    'fin+data': got('FP.', pn, su, 10),
    'fin-future': got('F.', near, su),
    data: got('P.', pn, su, 10),
    'data-ack': got('P.', pn, sn, 10),
    'data-future': got('P.', near, su, 10),
    'data-out': got('P.', pn + FAR, su, 10),
    'data-old': got('P.', pn - 1, su, 1),
    'data-noack': got('P', pn, null, 10),
    'no-flags': got('none', pn, null),
    urg: got('U.', pn, su, 1),
    'rst-exact': got('R', pn, null),
    'rst-win': got('R', near, null),
    'rst-out': got('R', pn + FAR, null),
    'rst-old': got('R', pn - 1, null),
    'rst-ack': got('R.', pn, sn),
    'rst-badack': got('R.', pn, sn + 1000),
    'icmp-hard': icmp(3, last),
    'icmp-proto': icmp(2, last),
    'icmp-soft': icmp(1, last),
  };
  return events[event];
}

const HAS_DESCRIPTOR =
  /^(SYN-SENT|SYN-RECEIVED \(active\)|ESTABLISHED|FIN-WAIT-[12]|CLOSE-WAIT|CLOSING|TIME-WAIT)$/;

/** The facts and segments of a cell, in order; `knownCalls`: whether its driver's calls are known as well. */
export function inputsOfCell(cell: Cell, knownCalls: boolean): (Input | Fact)[] {
  const [name] = cell.state.split(' ');
  const { call = null } = cell;
  const history = before(cell.state).filter((input) => knownCalls || !('called' in input));
  const event = arrival(cell.state, cell.event);
  const known = knownCalls
    ? { ...DRIVER, listens: name === 'LISTEN' || cell.listener }
    : {
        hasQueueSpace: true as const,
        defersAccept: false,
        inConnect: false,
        rfc1337: false,
        finTimeoutMs: 60_000,
      };
  const own = HAS_DESCRIPTOR.test(cell.state) ? cell.event.replace('call-', '') : '';
  const didCall = call?.startsWith('ok') === true && ['close', 'shutdown', 'abort'].includes(own);
  const answers = cell.segments.map(({ f, after_ms, len, seq, ack }): Input => {
    const answer = sent(f, seq ?? 0, ack, len);
    return { ...answered(answer as Segmented, event, f, seq), atMs: 10_000 + after_ms };
  });
  return [
    { atMs: 0, known },
    ...history.map((input, index) => ({ ...input, atMs: 100 * (index + 1) })),
    ...(event ? [{ ...event, atMs: 10_000 }] : []),
    ...answers,
    ...(didCall && knownCalls ? [{ ...called(own as 'close'), atMs: 10_001 }] : []),
  ];
}

type Segmented = Extract<Input, { segment: SeenSegment }>;

/** An RST in answer to a segment takes its numbers from that; a listener's SYN-ACK begins a connection of its own. */
function answered(answer: Segmented, event: Input | undefined, flags: string, seq: number | null): Segmented {
  const { segment } = answer;
  const isNew = flags === 'S.' && segment.ack !== null && (segment.ack - ISN) >>> 0 > 1;
  if (isNew) return { ...answer, segment: { ...segment, seq: sequenceNumber(ISS + 500_000_000) } };
  if (flags === 'R.' && (seq === null || seq === 0))
    return { ...answer, segment: { ...segment, seq: sequenceNumber(0) } };
  if (flags !== 'R' || seq !== null || !event || !('segment' in event)) return answer;
  return { ...answer, segment: { ...segment, seq: event.segment.ack ?? sequenceNumber(0) } };
}
