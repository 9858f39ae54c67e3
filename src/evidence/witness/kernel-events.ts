import { isListenerOf, sameEndpoint } from '../../tcp/endpoint.ts';
import type { State } from '../../tcp/state.ts';
import type { ConnectionEnd } from '../connection.ts';
import type { KernelTraced } from '../events.ts';
import type { Timeline } from '../timeline.ts';
import { type Observation, untilLost, type Witness } from './witness.ts';

/** What the tracepoint inet_sock_set_state printed for the end's socket, or for its listener before it had one. */
export const kernelEvents: Witness = {
  name: 'kernel-events',
  follow(timeline, end) {
    const opened = timeline.of('lab-opened')[0];
    const unseen = opened?.hosts ? opened.hosts[end.host].noKernelEvents : opened?.noKernelEvents;
    if (unseen) return [{ atMs: 0, states: [], why: unseen }];
    const changes = allChanges(timeline, end);
    const observations = end.listening ? observationsOfListeners(changes) : observationsOfConnection(changes);
    const lost = timeline
      .of('lost')
      .filter(({ witness, host }) => witness === 'kernel-events' && (host ?? end.host) === end.host);
    return untilLost(observations, lost);
  },
};

interface Change {
  atMs: number;
  from: State;
  to: State;
  /** The connection's socket, a listener on its port, or another socket that called connect() from the same ports. */
  of: 'connection' | 'listener' | 'rival';
  /** How many rivals there are from now on. */
  rivals: number;
  /** How many listen on its port from now on, as far as they were seen to begin. */
  listeners: number;
}

/** The changes that the kernel printed for the end's own socket and for a listener on its port. */
export function kernelChanges(timeline: Timeline, end: ConnectionEnd): Change[] {
  return allChanges(timeline, end).filter((change) => change.of !== 'rival');
}

/**
 * While the connection's socket stands, another one on the same ports says nothing of it. That one's connect() fails, or takes
 * the ports when the first is gone (net/ipv4/tcp_ipv4.c, tcp_twsk_unique), which its next state shows.
 */
function allChanges(timeline: Timeline, end: ConnectionEnd): Change[] {
  const changes: Change[] = [];
  let standing: number | undefined;
  let listeners = 0;
  const rivals = new Set<number | undefined>();
  for (const event of timeline.of('kernel')) {
    const { atMs, change, remote, kernelSocket: socket } = event;
    if (event.host !== end.host || !change || !concerns(event, end)) continue;
    const isOver = change.to === 'CLOSED';
    let of: Change['of'];
    if (remote.port === 0) {
      of = 'listener';
      if (change.to === 'LISTEN') listeners++;
      else if (change.from === 'LISTEN') listeners = Math.max(0, listeners - 1);
    } else if ((standing !== undefined && socket !== standing) || (isOver && rivals.has(socket))) {
      of = 'rival';
      if (isOver) rivals.delete(socket);
      else rivals.add(socket);
    } else {
      of = 'connection';
      rivals.delete(socket);
      standing = isOver ? undefined : socket;
    }
    changes.push({ atMs, ...change, of, rivals: rivals.size, listeners });
  }
  return changes;
}

function concerns({ local, remote }: KernelTraced, end: ConnectionEnd): boolean {
  const ownSocket = sameEndpoint(local, end.local) && sameEndpoint(remote, end.remote);
  const listener = remote.port === 0 && isListenerOf(local, end.local);
  return ownSocket || listener;
}

/** Several sockets may listen on a port (SO_REUSEPORT): it is closed when the last one is. */
function observationsOfListeners(changes: readonly Change[]): Observation[] {
  return changes
    .filter((change) => change.of === 'listener')
    .map(({ atMs, to, listeners }) => ({ atMs, states: [listeners > 0 ? 'LISTEN' : to], why: null }));
}

const NOTHING_PRINTED = 'the kernel prints nothing between LISTEN and the final ACK of a handshake';

const ANOTHER_CONNECTS =
  'the kernel printed SYN-SENT of another socket from the same ports, whose connect() may have failed';

/**
 * While the end has a full socket its listener does not matter; without one, a SYN may always be under way: a request outlives
 * a listener that closes.
 */
function observationsOfConnection(changes: readonly Change[]): Observation[] {
  const observations: Observation[] = [];
  let [stands, hasListened] = [false, false];
  // States that may remain after the full socket is freed; a new listener does not end them.
  let left: { states: State[]; why: string | null } = { states: [], why: null };
  for (const { atMs, from, to, of, rivals } of changes) {
    if (of === 'listener') {
      hasListened = true;
      const states = [...left.states.filter((state) => state !== 'CLOSED'), to, 'SYN-RECEIVED' as const];
      if (!stands) observations.push({ atMs, states, why: left.why ?? NOTHING_PRINTED });
      continue;
    }
    if (of === 'connection') {
      stands = to !== 'CLOSED';
      left = meaning(from, to);
    } else if (stands) {
      continue;
    }
    const mayOpen = hasListened && !stands;
    const mayConnect = rivals > 0 && !stands;
    observations.push({
      atMs,
      states: [
        ...left.states,
        ...(mayOpen ? (['SYN-RECEIVED'] as const) : []),
        ...(mayConnect ? (['SYN-SENT'] as const) : []),
      ],
      why: left.why ?? (mayConnect ? ANOTHER_CONNECTS : mayOpen ? NOTHING_PRINTED : null),
    });
  }
  return observations;
}

/**
 * The states that fit a printed change. Request sockets and TIME-WAIT sockets are not full sockets: the kernel prints
 * nothing when a SYN arrives, and on entry to TIME-WAIT only that the full socket is closed (net/ipv4/tcp_minisocks.c).
 */
function meaning(from: State, to: State): { states: State[]; why: string | null } {
  if (to !== 'CLOSED' || (from !== 'FIN-WAIT-2' && from !== 'CLOSING')) return { states: [to], why: null };
  const orphan: State[] = from === 'FIN-WAIT-2' ? ['FIN-WAIT-2'] : [];
  const why = `the kernel printed ${from} → CLOSED, and prints the same when ${['TIME-WAIT', ...orphan].join(' or an orphan’s ')} begins`;
  return { states: ['CLOSED', 'TIME-WAIT', ...orphan], why };
}
