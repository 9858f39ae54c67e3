import type { State } from './state.ts';

/** What is known of an end besides its segments. */
export interface Knowledge {
  /** `all` if every call on its socket comes as a fact; else why not. */
  readonly calls: 'all' | string;
  /** Who made the socket, if all its calls are seen, as tcplab's own always are. Null if unknown. */
  readonly maker: 'tcplab' | 'program' | null;
  /** Whether a socket listens on its port; null if that is not known. */
  readonly listens: boolean | null;
  /** When the last listener on its port was closed; `isOnly`: there was no other. Null while none was. */
  readonly closedListener: { atMs: number; isOnly: boolean } | null;
  /** Whether the accept queue has space for the connection; null if that is not known. */
  readonly hasQueueSpace: true | null;
  /** Whether the queue was full in the last sample, with no accept() since. */
  readonly isQueueFull: boolean;
  /** Whether the listener waits for data (TCP_DEFER_ACCEPT); null if that is not known. */
  readonly defersAccept: boolean | null;
  /** Whether its listener answers a SYN with a cookie, and keeps no request (net.ipv4.tcp_syncookies). */
  readonly synCookies: 'always' | 'maybe' | 'never';
  /** Whether connect() holds the socket right now; null if its calls are not seen. */
  readonly inConnect: boolean | null;
  /** Whether an RST leaves TIME-WAIT in place (net.ipv4.tcp_rfc1337). */
  readonly rfc1337: boolean | null;
  /** How long an orphan stays in FIN-WAIT-2; null if that is not known. */
  readonly finTimeoutMs: number | null;
  /** Whether calls that end a socket without a segment are left out of account, as improbable. */
  readonly withoutSilentEnds?: boolean;
}

export const NOTHING_KNOWN: Knowledge = {
  calls: "the program's calls are not seen",
  maker: null,
  listens: null,
  closedListener: null,
  hasQueueSpace: null,
  isQueueFull: false,
  defersAccept: null,
  // By default only a full SYN queue makes them.
  synCookies: 'never',
  inConnect: null,
  rfc1337: null,
  finTimeoutMs: null,
};

/**
 * A call on the end's socket. `certain`: it has returned, and did what it says; else it may have. `passive`: that socket connected
 * itself, or came from a listener; absent where it is the one or the other. `openMs`: when it was there, with its connection.
 * `beganMs`: of one that has returned, when it began.
 */
export interface Call {
  atMs: number;
  called: 'close' | 'shutdown' | 'abort' | 'destroy';
  certain: boolean;
  passive?: boolean;
  openMs?: number;
  beganMs?: number;
}

/** What a source other than segments reports about an end. */
export type Fact =
  | { atMs: number; known: Partial<Knowledge> }
  | Call
  /** Whether a descriptor refers to the socket that was there since `sinceMs`. */
  | { atMs: number; hasDescriptor: boolean; sinceMs: number }
  /** The final ACK of its handshake made a full socket. */
  | { atMs: number; accepted: true }
  /** Whether the sample of the table that began at `sinceMs` has a request for its handshake. */
  | { atMs: number; hasRequest: boolean; sinceMs: number }
  /**
   * The socket that was there at `sinceMs` no longer exists. `except`: in these states it goes on without a full socket. `from`: the
   * state that it was in, where that is known.
   */
  | { atMs: number; gone: true; sinceMs: number; except: readonly State[]; from?: State };

/** When something happened, and what was known by then. */
export interface Moment {
  readonly atMs: number;
  readonly known: Knowledge;
}
