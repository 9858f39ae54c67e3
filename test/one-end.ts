import type { Endpoint } from '../src/tcp/endpoint.ts';
import { type End, type Fact, foldEnd, type Input, type Knowledge } from '../src/tcp/fold.ts';
import { type SequenceNumber, sequenceNumber } from '../src/tcp/sequence.ts';
import type { State } from '../src/tcp/state.ts';

/** One end of a connection, by what it sent and was given: builders that stack. */

const OURS: Endpoint = { address: '192.168.2.10', port: 41234 };
const THEIRS: Endpoint = { address: '192.168.2.11', port: 80 };
const OUR_ISN = 1000;
const THEIR_ISN = 9000;

/** What the end sends: `seq` and `ack` count from the first sequence number of each side, as tcpdump prints them. */
export function sent(flags: string, seq: number, ack: number | null = null, length = 0): Input {
  const numbers = { seq: wire(seq, OUR_ISN), ack: ack === null ? null : wire(ack, THEIR_ISN) };
  const segment = { source: OURS, destination: THEIRS, flags, window: 64240, length, ...numbers };
  return { atMs: 0, direction: 'sent', segment };
}

/** What the end is given. */
export function got(flags: string, seq: number, ack: number | null = null, length = 0): Input {
  const numbers = { seq: wire(seq, THEIR_ISN), ack: ack === null ? null : wire(ack, OUR_ISN) };
  const segment = { source: THEIRS, destination: OURS, flags, window: 64240, length, ...numbers };
  return { atMs: 0, direction: 'received', segment };
}

export function unreachable(quotedSeq: number): Input {
  const quoted = { source: OURS, destination: THEIRS, seq: wire(quotedSeq, OUR_ISN) };
  const error = { source: THEIRS.address, destination: OURS.address, type: 3, code: 1, quoted };
  return { atMs: 0, direction: 'received', icmp: { ...error, meaning: 'host unreachable' } };
}

function wire(number: number, isn: number): SequenceNumber {
  return sequenceNumber(isn + number);
}

/** What is known of an end that only tcplab's own calls touch, in a host of the lab's own. */
export const LAB: Knowledge = {
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

/** A tenth of a second lies between two inputs. */
export function fold(inputs: (Input | Fact)[], known: Partial<Knowledge> = LAB): End {
  const timed = inputs.map((input, index) => ({ ...input, atMs: 100 * index }));
  return foldEnd([{ atMs: 0, known }, ...timed]);
}

/** All that later segments are judged by, apart from what was last received. */
export function shownBy({ states, steps, sendNext, receiveNext, finSent }: End): unknown {
  return { states, steps, sendNext, receiveNext, finSent };
}

export function stateAfter(...inputs: (Input | Fact)[]): State | null {
  return fold(inputs).state;
}

/** Each builds on one before it. */
export const synSent: Input[] = [sent('S', 0)];
export const synReceivedSimultaneously: Input[] = [...synSent, got('S', 0), sent('S.', 0, 1)];
export const synReceived: Input[] = [got('S', 0), sent('S.', 0, 1)];
export const established: Input[] = [...synSent, got('S.', 0, 1), sent('.', 1, 1)];
export const accepted: Input[] = [...synReceived, got('.', 1, 1)];
export const finWait1: Input[] = [...established, sent('F.', 1, 1)];
export const finWait2: Input[] = [...finWait1, got('.', 1, 2)];
export const closing: Input[] = [...finWait1, got('F.', 1, 1), sent('.', 2, 2)];
export const timeWait: Input[] = [...finWait2, got('F.', 1, 2), sent('.', 2, 2)];
export const closeWait: Input[] = [...accepted, got('F.', 1, 1), sent('.', 1, 2)];
export const lastAck: Input[] = [...closeWait, sent('F.', 1, 2)];
