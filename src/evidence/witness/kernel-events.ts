import { sameEndpoint } from '../../tcp/endpoint.ts';
import type { State } from '../../tcp/state.ts';
import type { ConnectionEnd } from '../connection.ts';
import type { KernelTraced } from '../events.ts';
import type { Timeline } from '../timeline.ts';
import type { Sight, Witness } from './witness.ts';

/** What the tracepoint inet_sock_set_state printed for the end's socket, or for its listener before it had one. */
export const kernelEvents: Witness = {
  name: 'kernel-events',
  follow(timeline, end) {
    const unseen = timeline.of('lab-opened')[0]?.noKernelEvents;
    if (unseen) return [{ atMs: 0, states: [], why: unseen }];
    let listens = false;
    const sights = kernelChanges(timeline, end).map(({ atMs, from, to, ofListener }) => {
      if (ofListener) listens = to === 'LISTEN';
      const { states, why } = meaning({ from, to }, ofListener && !end.listening);
      if (!listens || end.listening || !states.includes('CLOSED')) return { atMs, states, why };
      // Where somebody listens a new handshake may be under way, of which the kernel prints nothing.
      return { atMs, states: [...states, 'SYN-RECEIVED' as const], why: why ?? NOTHING_PRINTED };
    });
    const lost = timeline.of('lost').filter(({ witness }) => witness === 'kernel-events');
    return [...sights, ...lost.map(({ atMs, what }): Sight => ({ atMs, states: [], why: what }))];
  },
};

/** The changes that the kernel printed for the end's own socket and for a listener on its port. */
export function kernelChanges(
  timeline: Timeline,
  end: ConnectionEnd,
): { atMs: number; from: State; to: State; ofListener: boolean }[] {
  return timeline
    .of('kernel')
    .filter((event) => event.host === end.host && concerns(event, end))
    .flatMap(({ atMs, change, remote }) =>
      change ? [{ atMs, ...change, ofListener: remote.port === 0 }] : [],
    );
}

function concerns({ local, remote }: KernelTraced, end: ConnectionEnd): boolean {
  const ownSocket = sameEndpoint(local, end.local) && sameEndpoint(remote, end.remote);
  const listener = local.port === end.local.port && remote.port === 0;
  return ownSocket || listener;
}

const NOTHING_PRINTED = 'the kernel prints nothing between LISTEN and the final ACK of a handshake';

/**
 * The states that fit a printed change. Request sockets and TIME-WAIT are no full sockets to the kernel: it prints
 * nothing when a SYN arrives, and for TIME-WAIT that the full socket is gone (net/ipv4/tcp_minisocks.c).
 */
function meaning(
  { from, to }: { from: State; to: State },
  onlyListener: boolean,
): { states: State[]; why: string | null } {
  if (onlyListener && to === 'LISTEN') {
    return { states: ['LISTEN', 'SYN-RECEIVED'], why: NOTHING_PRINTED };
  }
  if (to === 'CLOSED' && (from === 'FIN-WAIT-2' || from === 'CLOSING')) {
    const orphan: State[] = from === 'FIN-WAIT-2' ? ['FIN-WAIT-2'] : [];
    const why = `the kernel printed ${from} → CLOSED, and prints the same when ${['TIME-WAIT', ...orphan].join(' or an orphan’s ')} begins`;
    return { states: ['CLOSED', 'TIME-WAIT', ...orphan], why };
  }
  return { states: [to], why: null };
}
