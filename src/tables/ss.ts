import type { SocketTimer } from '../tcp/socket-row.ts';
import type { State } from '../tcp/state.ts';
import { parseEndpoint } from './endpoint.ts';
import { type Owner, type RowInfo, rowOf, type TableRow, type TableTimer } from './row.ts';
import { isNumber, MOST_BEFORE, stateWord, tokensOf } from './words.ts';

/**
 * A row of ss (iproute2, misc/ss.c), with whatever its options add; the lines that `-i` and `-m` add belong to the text. `only`: the
 * state that `ss state …` asked for, whose column ss leaves out. Undefined for any other text.
 */
export function ssRow(text: string, only?: State): TableRow | undefined {
  const tokens = tokensOf(text);
  for (let at = 0; at <= MOST_BEFORE && at + 3 < tokens.length; at++) {
    const state = stateWord(tokens[at]);
    if (state && fitsAt(tokens, at + 1)) return rowAt(tokens, at + 1, state, text);
    if (fitsAt(tokens, at)) {
      if (tokens[at - 1]?.startsWith('tcp') && stateWord(tokens[at + 4])) return undefined;
      return only && rowAt(tokens, at, only, text);
    }
  }
  return undefined;
}

/** Whether a text is a row of ss whose State column is missing. */
export function isStateless(text: string): boolean {
  const tokens = tokensOf(text);
  return fitsAt(tokens, 0) && !stateWord(tokens[4]);
}

/** Queues and two ends. */
function fitsAt(tokens: readonly string[], at: number): boolean {
  return (
    isNumber(tokens[at]) &&
    isNumber(tokens[at + 1]) &&
    parseEndpoint(tokens[at + 2] ?? '') !== undefined &&
    parseEndpoint(splitOwners(tokens[at + 3] ?? '')) !== undefined
  );
}

/** A narrow column runs into the next. */
function splitOwners(token: string): string {
  return token.replace(/(users|timer):\(.*$/, '');
}

function rowAt(tokens: readonly string[], at: number, state: State, text: string): TableRow {
  const users = usersOf(text);
  return rowOf({
    state,
    receiveQueue: Number(tokens[at]),
    sendQueue: Number(tokens[at + 1]),
    local: parseEndpoint(tokens[at + 2] ?? '') ?? null,
    peer: peerOf(state, splitOwners(tokens[at + 3] ?? '')),
    owners: users.length > 0 ? users : null,
    timer: timerOf(text, state),
    inode: numberAfter(text, 'ino') ?? null,
    uid: numberAfter(text, 'uid') ?? null,
    info: infoOf(text),
  });
}

function peerOf(state: State, text: string) {
  return state === 'LISTEN' ? null : (parseEndpoint(text) ?? null);
}

/** `users:(("nginx",pid=1,fd=6),…)`; before iproute2 3.17 `("nginx",1,6)`. */
function usersOf(text: string): Owner[] {
  const from = text.indexOf('users:((');
  if (from < 0) return [];
  return [...text.slice(from).matchAll(/\("([^"]{0,64})",(?:pid=)?(\d+),(?:fd=)?(\d+)\)/g)].map(
    ([, name = '', pid, fd]) => ({ name, pid: Number(pid), fd: Number(fd) }),
  );
}

const TIMERS: Readonly<Record<string, SocketTimer>> = {
  off: 'none',
  on: 'retransmission',
  keepalive: 'keepalive',
  timewait: 'time-wait',
  persist: 'probe',
};

function timerOf(text: string, state: State): TableTimer | null {
  const [, name = '', left = '', count] = /timer:\((\w+),([^,()]{0,20}),(\d+)\)/.exec(text) ?? [];
  const kind = TIMERS[name];
  const leftMs = parseLeft(left);
  if (!kind || leftMs === undefined) return null;
  const timer = { kind, leftMs: kind === 'none' ? null : leftMs, count: Number(count) };
  return state === 'SYN-RECEIVED' ? { ...timer, countsAnswers: true } : timer;
}

/**
 * The time that ss prints (print_ms_timer): `708ms`, `46sec`, `1min53sec`, `119min`, and `6.264ms`, in which the part before the dot is
 * seconds. Undefined for any other text.
 */
export function parseLeft(text: string): number | undefined {
  const [, minutes, seconds, dotted, ms] =
    /^(?:(\d+)min)?(?:(\d+)sec)?(?:(\d+)\.)?(?:(\d{1,3})ms)?$/.exec(text) ?? [];
  if (text === '' || [minutes, seconds, dotted, ms].every((part) => part === undefined)) return undefined;
  return Number(minutes ?? 0) * 60_000 + Number(seconds ?? dotted ?? 0) * 1000 + Number(ms ?? 0);
}

function numberAfter(text: string, name: string): number | undefined {
  const found = new RegExp(`(?:^|\\s)${name}:(\\d+(?:\\.\\d+)?)`).exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

function infoOf(text: string): RowInfo | null {
  const has = /\s(?:cwnd|rto|lastsnd|lastrcv|lastack|mss):\d/.test(text);
  if (!has) return null;
  const rto = numberAfter(text, 'rto') ?? null;
  // ss leaves out a zero: one is meant if what it prints after the ages is there.
  const age = (name: string) =>
    numberAfter(text, name) ?? (/\s(?:pacing_rate|rcv_space|rcv_ssthresh)[: ]/.test(text) ? 0 : null);
  return {
    lastSentMs: rto === null ? null : age('lastsnd'),
    lastReceivedMs: rto === null ? null : age('lastrcv'),
    lastAckMs: rto === null ? null : age('lastack'),
    rtoMs: rto,
    rttMs: numberAfter(text, 'rtt') ?? null,
    backoff: numberAfter(text, 'backoff') ?? 0,
    unacknowledged: numberAfter(text, 'unacked') ?? 0,
    totalRetransmits: Number(/\sretrans:\d+\/(\d+)/.exec(text)?.[1] ?? 0),
    sendWindow: numberAfter(text, 'snd_wnd') ?? null,
  };
}
