import { isListenerOf, sameEndpoint } from '../../tcp/endpoint.ts';
import type { State } from '../../tcp/state.ts';
import type { ConnectionEnd } from '../connection.ts';
import type { KernelTraced } from '../events.ts';
import type { Timeline } from '../timeline.ts';
import { type Sight, untilLost, type Witness } from './witness.ts';

/** What the tracepoint inet_sock_set_state printed for the end's socket, or for its listener before it had one. */
export const kernelEvents: Witness = {
  name: 'kernel-events',
  follow(timeline, end) {
    const opened = timeline.of('lab-opened')[0];
    const unseen = opened?.hosts ? opened.hosts[end.host].noKernelEvents : opened?.noKernelEvents;
    if (unseen) return [{ atMs: 0, states: [], why: unseen }];
    const changes = kernelChanges(timeline, end);
    const sights = end.listening ? sightsOfListeners(changes) : sightsOfConnection(changes);
    const lost = timeline
      .of('lost')
      .filter(({ witness, host }) => witness === 'kernel-events' && (host ?? end.host) === end.host);
    return untilLost(sights, lost);
  },
};

interface Change {
  atMs: number;
  from: State;
  to: State;
  ofListener: boolean;
}

/** The changes that the kernel printed for the end's own socket and for a listener on its port. */
export function kernelChanges(timeline: Timeline, end: ConnectionEnd): Change[] {
  return timeline
    .of('kernel')
    .filter((event) => event.host === end.host && concerns(event, end))
    .flatMap(({ atMs, change, remote }) =>
      change ? [{ atMs, ...change, ofListener: remote.port === 0 }] : [],
    );
}

function concerns({ local, remote }: KernelTraced, end: ConnectionEnd): boolean {
  const ownSocket = sameEndpoint(local, end.local) && sameEndpoint(remote, end.remote);
  const listener = remote.port === 0 && isListenerOf(local, end.local);
  return ownSocket || listener;
}

/** Several sockets may listen on a port (SO_REUSEPORT): it is closed when the last one is. */
function sightsOfListeners(changes: readonly Change[]): Sight[] {
  let listening = 0;
  return changes
    .filter(({ ofListener }) => ofListener)
    .map(({ atMs, to }): Sight => {
      listening = Math.max(0, listening + (to === 'LISTEN' ? 1 : -1));
      return { atMs, states: [listening > 0 ? 'LISTEN' : to], why: null };
    });
}

const NOTHING_PRINTED = 'the kernel prints nothing between LISTEN and the final ACK of a handshake';

/** While the end has a full socket its listener does not matter; without one, a SYN may always be under way. */
function sightsOfConnection(changes: readonly Change[]): Sight[] {
  const sights: Sight[] = [];
  let [stands, listens] = [false, false];
  for (const { atMs, from, to, ofListener } of changes) {
    if (ofListener) {
      listens = to === 'LISTEN';
      if (!stands) sights.push({ atMs, states: [to, 'SYN-RECEIVED'], why: NOTHING_PRINTED });
      continue;
    }
    stands = to !== 'CLOSED';
    const { states, why } = meaning(from, to);
    const mayOpen = listens && !stands;
    sights.push({
      atMs,
      states: mayOpen ? [...states, 'SYN-RECEIVED'] : states,
      why: why ?? (mayOpen ? NOTHING_PRINTED : null),
    });
  }
  return sights;
}

/**
 * The states that fit a printed change. Request sockets and TIME-WAIT are no full sockets to the kernel: it prints
 * nothing when a SYN arrives, and for TIME-WAIT that the full socket is gone (net/ipv4/tcp_minisocks.c).
 */
function meaning(from: State, to: State): { states: State[]; why: string | null } {
  if (to !== 'CLOSED' || (from !== 'FIN-WAIT-2' && from !== 'CLOSING')) return { states: [to], why: null };
  const orphan: State[] = from === 'FIN-WAIT-2' ? ['FIN-WAIT-2'] : [];
  const why = `the kernel printed ${from} → CLOSED, and prints the same when ${['TIME-WAIT', ...orphan].join(' or an orphan’s ')} begins`;
  return { states: ['CLOSED', 'TIME-WAIT', ...orphan], why };
}
