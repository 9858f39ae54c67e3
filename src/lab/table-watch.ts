import { monotonicNs } from '../kernel/clock.ts';
import type { SocketTable } from '../kernel/sock-diag.ts';
import type { SocketRow } from '../tcp/socket-row.ts';

const BOUND_EVERY_NS = 1_000_000_000n;

/**
 * Polls the socket table of one host. Sockets that are only bound cost the most to find, so the poll includes them only
 * when there may be one: when one is expected, when a socket has left the table or entered TIME-WAIT (and so may now be
 * only bound), while there are any, and once a second.
 */
export class TableWatch {
  readonly #table: SocketTable;
  /** The sockets that the last look found. */
  #sockets = new Set<string>();
  /** Ports that were bound since. */
  readonly #expected = new Set<number>();
  /** CLOCK_MONOTONIC. */
  #boundFromNs: bigint;
  #shown = '';
  /** Whether a program in the host may call bind() at any time. */
  hasGuests = false;

  /** `isNew`: no socket can be bound yet. */
  constructor(table: SocketTable, { isNew }: { isNew: boolean }) {
    this.#table = table;
    this.#boundFromNs = isNew ? monotonicNs() + BOUND_EVERY_NS : 0n;
  }

  read(): SocketRow[] {
    const nowNs = monotonicNs();
    const mayDo = nowNs < this.#boundFromNs && !this.hasGuests;
    let rows = mayDo ? this.#table.readAllButBound() : undefined;
    if (!rows || this.#mayHideOne(rows)) {
      rows = this.#table.read();
      this.#boundFromNs = rows.some(isBoundOnly) ? 0n : nowNs + BOUND_EVERY_NS;
    }
    this.#sockets = new Set(rows.map(socketOf));
    this.#expected.clear();
    return rows;
  }

  /** Whether these rows differ from those of the last call in more than time. */
  isNews(rows: readonly SocketRow[]): boolean {
    const shown = JSON.stringify(rows, (key, value) => (VOLATILE.has(key) ? undefined : value));
    if (shown === this.#shown) return false;
    this.#shown = shown;
    return true;
  }

  /** A socket was bound to this port. */
  expectBound(port: number): void {
    this.#expected.add(port);
  }

  #mayHideOne(rows: SocketRow[]): boolean {
    const sockets = new Set(rows.map(socketOf));
    const ports = new Set(rows.map(({ local }) => local.port));
    return (
      [...this.#sockets].some((socket) => !sockets.has(socket)) ||
      [...sockets].some((socket) => socket.endsWith(WAITS) && !this.#sockets.has(socket)) ||
      [...this.#expected].some((port) => !ports.has(port))
    );
  }
}

/** What changes in a socket's row with time alone. */
const VOLATILE = new Set(['expiresMs', 'info']);

/** A TIME-WAIT socket keeps the cookie of the full socket, which may still be open and bound. */
function socketOf({ cookie, state }: SocketRow): string {
  return state === 'TIME-WAIT' || state === 'CLOSED' ? cookie + WAITS : cookie;
}

const WAITS = ' waits';

function isBoundOnly({ state }: SocketRow): boolean {
  return state === 'CLOSED';
}
