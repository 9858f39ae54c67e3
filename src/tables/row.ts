import type { SocketTimer } from '../tcp/socket-row.ts';
import type { State } from '../tcp/state.ts';

/** What prints a table of sockets. */
export type Tool =
  | 'ss'
  | 'netstat'
  | 'lsof'
  | '/proc/net/tcp'
  | 'conntrack'
  | 'counts'
  | 'columns'
  | 'sock_diag';

/** One end of a connection, as a table shows it. */
export interface TableEndpoint {
  /** Without brackets; IPv4 inside IPv6 as IPv4; `*` for any; a name where the tool resolved it. */
  address: string;
  /** Null for any port. */
  port: number | null;
  /** The name of the port, where the tool printed one. The number is null if the name is not well known. */
  service: string | null;
  /** The tool printed only the beginning of the address (netstat without -W). */
  isCut: boolean;
}

export interface Owner {
  pid: number;
  /** Null where a table shows the number alone. */
  name: string | null;
  fd: number | null;
}

export interface TableTimer {
  kind: SocketTimer;
  /** Null when none runs. */
  leftMs: number | null;
  /** Retransmissions, or unanswered probes. */
  count: number;
  /** Of a request: SYN-ACKs that answered a repeated SYN are in the count too (ss, sock_diag). Else it counts timeouts. */
  countsAnswers?: boolean;
}

/** What `ss -i` adds, in milliseconds and bytes; null where a table does not show it. */
export interface RowInfo {
  lastSentMs: number | null;
  lastReceivedMs: number | null;
  lastAckMs: number | null;
  rtoMs: number | null;
  rttMs: number | null;
  backoff: number;
  unacknowledged: number;
  totalRetransmits: number;
  /** The peer's window. ss leaves out a zero. */
  sendWindow: number | null;
}

/** A row of a table. Null always means: this table does not show it. */
export interface TableRow {
  /** Its line in the text, from 1; 0 where there is no text. */
  line: number;
  /** Null for a row of conntrack, whose states are those of a box between two ends. */
  state: State | null;
  conntrack: string | null;
  local: TableEndpoint | null;
  peer: TableEndpoint | null;
  /** Of a listener: the connections in its accept queue. */
  receiveQueue: number | null;
  /** Of a listener: its backlog; null where the tool prints 0 for every backlog. */
  sendQueue: number | null;
  /** Empty: the table names the owners of other rows, and none for this. */
  owners: readonly Owner[] | null;
  timer: TableTimer | null;
  /** 0: no descriptor refers to the socket. */
  inode: number | null;
  uid: number | null;
  info: RowInfo | null;
  /** How many sockets the row stands for: more than 1 where a tool has counted. */
  count: number;
  /** Seconds until conntrack forgets the entry. */
  forgottenInS: number | null;
}

/** A row with only the given fields shown. */
export function rowOf(fields: Partial<TableRow> & Pick<TableRow, 'state'>): TableRow {
  return {
    line: 0,
    conntrack: null,
    local: null,
    peer: null,
    receiveQueue: null,
    sendQueue: null,
    owners: null,
    timer: null,
    inode: null,
    uid: null,
    info: null,
    count: 1,
    forgottenInS: null,
    ...fields,
  };
}

/** One printed table: the rows between two headers, prompts or blank lines. */
export interface Table {
  tool: Tool;
  /** The host, as the prompt names it, if the paste is of several; else empty. */
  host: string;
  /** The command line, where the paste shows it. */
  command: string | null;
  /** Whether the prompt or the command shows root; null if nothing shows it. */
  asRoot: boolean | null;
  /** The tool itself said that it hides owners. */
  hidesOwners: boolean;
  rows: TableRow[];
}

/** A line of which tcplab could make nothing. */
export interface UnreadLine {
  line: number;
  text: string;
  why: string;
}

/** What a paste shows beside tables. */
export interface Facts {
  /** By their names below `net`: `net.ipv4.ip_local_port_range`. */
  sysctls: ReadonlyMap<string, string>;
  /** /proc/net/sockstat: its `inuse` and `tw` are the namespace's, `orphan` and `mem` the machine's. */
  sockstat: { inUse: number; orphans: number; timeWait: number } | null;
  /** ss -s. `established` includes CLOSE-WAIT. */
  summary: { established: number; timeWait: number; orphans: number } | null;
  /** Errors of programs that name a cause: EADDRNOTAVAIL, EMFILE, ECONNREFUSED, ETIMEDOUT. */
  errors: readonly { errno: string; line: number; text: string }[];
}

export interface Paste {
  tables: readonly Table[];
  facts: Facts;
  unread: readonly UnreadLine[];
  /** Rows of other protocols (UDP, UNIX sockets), which say nothing about TCP. */
  otherProtocols: number;
}
