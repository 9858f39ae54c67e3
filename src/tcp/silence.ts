import type { Fact, Moment } from './known.ts';
import { end, find, type Possibility, take, withDoubt } from './possibility.ts';
import type { State } from './state.ts';
import { couldSendFin } from './windows.ts';

/** What changes an end without a segment: calls that send nothing, timers, and reports of other sources. */

/** In these a call may end the socket without a segment. */
const SILENT_ENDS: readonly (State | null)[] = ['SYN-SENT', 'CLOSING', 'LAST-ACK', 'LISTEN'];

/** The same, with the possible effects of unseen calls. */
export function withSilentCalls(socket: Possibility, { atMs, known }: Moment): Possibility[] {
  if (known.calls === 'all' || socket.gone) return [socket];
  if (known.withoutSilentEnds && SILENT_ENDS.includes(socket.state)) return [socket];
  switch (socket.state) {
    case 'SYN-SENT':
      return [socket, withDoubt(take(socket, 'close', atMs), 'silent close')];
    case 'ESTABLISHED':
    case 'CLOSE-WAIT':
      return couldSendFin(socket)
        ? [socket]
        : [socket, withDoubt(closeBehindData(socket, atMs), 'close behind data')];
    case 'CLOSING':
    case 'LAST-ACK':
      return socket.orphan === true
        ? [socket]
        : [socket, withDoubt(find(socket, 'CLOSED', atMs), 'silent abort')];
    case 'LISTEN':
      return known.listens === null
        ? [socket, withDoubt(end(socket, 'close', atMs), 'silent close')]
        : [socket];
    default:
      return [socket];
  }
}

function closeBehindData(socket: Possibility, atMs: number): Possibility {
  return { ...take(socket, 'close', atMs), closing: true };
}

/** Whether a close that was only guessed would have shown by now. */
export function isRefuted(socket: Possibility): boolean {
  return socket.doubt === 'close behind data' && socket.closing && couldSendFin(socket);
}

/** What a call makes of it, if it sends nothing: a segment may have shown it already. */
export function afterCall(
  socket: Possibility,
  called: Extract<Fact, { called: string }>['called'],
  at: Moment,
): Possibility {
  const { atMs } = at;
  if (called === 'destroy') return destroyed(socket, at);
  const orphan = called === 'shutdown' ? socket.orphan : true;
  switch (socket.state) {
    case 'SYN-SENT':
      return take(socket, 'close', atMs);
    case 'SYN-RECEIVED':
      if (called === 'abort' && !socket.passive) return end(socket, 'abort', atMs);
      return called === 'shutdown' || socket.passive ? socket : { ...closeBehindData(socket, atMs), orphan };
    case 'ESTABLISHED':
    case 'CLOSE-WAIT':
      // What was received and not read makes it an abort, which an RST shows (RFC 2525, 2.17).
      return called === 'abort' ? end(socket, 'abort', atMs) : { ...closeBehindData(socket, atMs), orphan };
    case 'CLOSING':
    case 'LAST-ACK':
      return called === 'abort' ? find(socket, 'CLOSED', atMs) : { ...socket, orphan };
    case 'LISTEN':
    case 'CLOSED':
    case 'TIME-WAIT':
    case null:
      return socket;
    default:
      return called === 'abort' ? end(socket, 'abort', atMs) : { ...socket, orphan };
  }
}

/** An administrator may destroy a socket in any state (net/ipv4/tcp.c, tcp_abort). */
function destroyed(socket: Possibility, { atMs, known }: Moment): Possibility {
  const isThere = socket.state !== null && socket.state !== 'LISTEN';
  // A request leaves its listener.
  const isRequest = socket.state === 'SYN-RECEIVED' && socket.passive && !socket.fastOpen;
  const to = isRequest && known.listens !== false ? 'LISTEN' : 'CLOSED';
  return isThere ? end(socket, 'destroy', atMs, to) : socket;
}

/** TIME-WAIT (include/net/tcp.h, TCP_TIMEWAIT_LEN). */
const TIME_WAIT_MS = 60_000;
/** The later a timer is due, the less exact it is (kernel/time/timer.c): by up to an eighth. */
const LATENESS = 1.15;
const EARLY_MS = 50;

/** What its timer may have made of it by now, and has if it is long due. */
export function withTimers(socket: Possibility, { atMs, known }: Moment): Possibility[] {
  const dueMs = timerOf(socket, known.finTimeoutMs);
  if (dueMs === null) return [socket];
  const elapsedMs = atMs - socket.sinceMs;
  if (elapsedMs < dueMs - EARLY_MS) return [socket];
  const ended = withDoubt(find(socket, 'CLOSED', atMs), 'timer');
  const runs = socket.state === 'TIME-WAIT' || (socket.orphan === true && known.finTimeoutMs !== null);
  return runs && elapsedMs > dueMs * LATENESS ? [ended] : [socket, ended];
}

function timerOf({ state, orphan }: Possibility, finTimeoutMs: number | null): number | null {
  if (state === 'TIME-WAIT') return TIME_WAIT_MS;
  return state === 'FIN-WAIT-2' && orphan !== false ? (finTimeoutMs ?? 0) : null;
}
