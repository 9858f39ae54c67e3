import type { SocketTimer } from '../tcp/socket-row.ts';
import { cutEndpoint, parseEndpoint } from './endpoint.ts';
import { type Owner, rowOf, type TableEndpoint, type TableRow, type TableTimer } from './row.ts';
import { isNumber, MOST_BEFORE, stateWord, tokensOf } from './words.ts';

/** net-tools prints no more of an address and its port than this, without -W. */
export const NETSTAT_COLUMNS = 23;

/** A row of netstat of net-tools or BusyBox, with whatever its options add. Undefined for any other text. */
export function netstatRow(text: string, isWide = false): TableRow | undefined {
  const tokens = tokensOf(text);
  for (let at = 0; at <= MOST_BEFORE && at + 5 < tokens.length; at++) {
    if (!/^tcp6?$/.test(tokens[at] ?? '')) continue;
    const [, receive, send, local = '', peer = '', word] = tokens.slice(at);
    const state = stateWord(word);
    if (!state || !isNumber(receive) || !isNumber(send)) continue;
    const [here, there] = [endpoint(local, isWide), endpoint(peer, isWide)];
    if (!here || !there) continue;
    const rest = tokens.slice(at + 6).join(' ');
    return rowOf({
      state,
      receiveQueue: Number(receive),
      sendQueue: state === 'LISTEN' ? null : Number(send),
      local: here,
      peer: state === 'LISTEN' ? null : there,
      ...restOf(rest),
    });
  }
  return undefined;
}

/** The columns on the right, which are there or not: User and Inode (-e), PID/Program name (-p), Timer (-o). */
function restOf(rest: string): Partial<TableRow> {
  const timer = TIMER.exec(rest);
  const before = timer ? rest.slice(0, timer.index).trim() : rest;
  const [, uid, inode, owner = before] = /^([^\s/-][^\s/]*) (\d+)(?: (.*))?$/.exec(before) ?? [];
  const hasOwner = inode === undefined ? before !== '' : (owner ?? '') !== '' && owner !== before;
  return {
    ...(timer ? { timer: timerOf(timer) } : {}),
    ...(inode === undefined ? {} : { inode: Number(inode), uid: isNumber(uid) ? Number(uid) : null }),
    ...(hasOwner ? { owners: ownersOf(owner) } : {}),
  };
}

function ownersOf(text: string): Owner[] | null {
  if (text === '-') return [];
  const [, pid, name = ''] = /^(\d+)\/(.*)$/.exec(text) ?? [];
  return pid === undefined ? null : [{ pid: Number(pid), name: name.trim().replace(/:$/, ''), fd: null }];
}

const TIMER = /(?:^|\s)(off|on|keepalive|timewait|probe|unkn-\d+) \(([\d.]{1,12})\/(\d+)\/(\d+)\)/;
const KINDS: Readonly<Record<string, SocketTimer>> = {
  off: 'none',
  on: 'retransmission',
  keepalive: 'keepalive',
  timewait: 'time-wait',
  probe: 'probe',
};

/** Seconds, retransmissions, probes without an answer. */
function timerOf([, name = '', left, retransmits, probes]: RegExpExecArray): TableTimer | null {
  const kind = KINDS[name];
  if (!kind) return null;
  const count = kind === 'keepalive' || kind === 'probe' ? probes : retransmits;
  return { kind, leftMs: kind === 'none' ? null : Number(left) * 1000, count: Number(count) };
}

/** Without -W an address is cut so that it fits its column with its port; the rest may look like another address. */
function endpoint(text: string, isWide: boolean): TableEndpoint | undefined {
  const whole = parseEndpoint(text);
  if (isWide || text.length !== NETSTAT_COLUMNS || (whole && IS_IPV4.test(whole.address))) return whole;
  return cutEndpoint(text) ?? whole;
}

const IS_IPV4 = /^\d+(\.\d+){3}$/;

/** netstat of another system: its columns are alike, and its timers are not Linux's. */
export function foreignNetstat(text: string): string | undefined {
  const [first = '', ...rest] = tokensOf(text);
  if (/^tcp(4|6|46)$/.test(first) && /^\d+$/.test(rest[0] ?? '') && /\.(\d+|\*)$/.test(rest[2] ?? ''))
    return 'a row of netstat of macOS or BSD';
  if (first === 'TCP' && parseEndpoint(rest[0] ?? '') && stateWord(rest[2]))
    return 'a row of netstat of Windows';
  return undefined;
}
