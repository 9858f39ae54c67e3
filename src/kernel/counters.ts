import { readFileSync } from 'node:fs';
import { ifThere } from './files.ts';

/** By the names of nstat(8): `TcpExtListenOverflows`, `TcpOutRsts`, `Icmp6InDestUnreachs`. */
export type Counters = ReadonlyMap<string, number>;

/** What the kernel printed of its counters: hundreds of them, of which a lab moves a few. */
export interface CounterTexts {
  /** A line of names, then a line of values. */
  tables: string;
  /** A name and a value a line. */
  list: string;
}

/**
 * What the kernel has counted in the namespace in which the thread is now (proc_pid_net(5); the kernel's
 * Documentation/networking/snmp_counter.rst says what each counts). Takes about 0.1 ms.
 */
export function readCounters(): CounterTexts {
  return { tables: read('snmp') + read('netstat'), list: read('snmp6') };
}

export function parseCounters({ tables, list }: CounterTexts): Counters {
  return new Map([...parseTables(tables), ...parseList(list)]);
}

/** Those that have changed, and by how much. */
export function countedSince(before: CounterTexts, after: CounterTexts): Record<string, number> {
  const counted = parseCounters(differing(before, after));
  const changes: Record<string, number> = {};
  for (const [name, value] of parseCounters(differing(after, before))) {
    const change = value - (counted.get(name) ?? 0);
    if (change !== 0) changes[name] = change;
  }
  return changes;
}

/** What of it is not the same in the other. */
function differing(texts: CounterTexts, others: CounterTexts): CounterTexts {
  return {
    tables: piecesNotIn(others.tables, texts.tables, /.*\n.*\n/g),
    list: piecesNotIn(others.list, texts.list, /.*\n/g),
  };
}

function piecesNotIn(other: string, text: string, piece: RegExp): string {
  const known = new Set(other.match(piece));
  return (text.match(piece) ?? []).filter((one) => !known.has(one)).join('');
}

/** Both lines begin with the name of their table (net/ipv4/proc.c). */
function parseTables(text: string): Counters {
  const lines = text.split('\n').map((line) => line.split(' '));
  const counters = new Map<string, number>();
  for (let index = 0; index + 1 < lines.length; index += 2) {
    const [[table = '', ...names], [, ...values]] = [lines[index] ?? [], lines[index + 1] ?? []];
    for (const [column, name] of names.entries())
      put(counters, table.slice(0, -1) + name, Number(values[column]));
  }
  return counters;
}

/** The names have their table in them (net/ipv6/proc.c). */
function parseList(text: string): Counters {
  const counters = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [name, value] = line.split(/\s+/);
    if (name) put(counters, name, Number(value));
  }
  return counters;
}

/** The tables also list settings and the number of established connections, which are not counters. */
const NO_COUNTERS = new Set([
  'IpForwarding',
  'IpDefaultTTL',
  'TcpRtoAlgorithm',
  'TcpRtoMin',
  'TcpRtoMax',
  'TcpMaxConn',
  'TcpCurrEstab',
  'MPTcpExtMPCurrEstab',
]);

function put(counters: Map<string, number>, name: string, value: number): void {
  if (Number.isFinite(value) && !NO_COUNTERS.has(name)) counters.set(name, value);
}

/** /proc/net is that of the process's first thread. Without IPv6 there is no snmp6. */
function read(name: string): string {
  return ifThere(() => readFileSync(`/proc/thread-self/net/${name}`, 'utf8')) ?? '';
}
