import type { State } from '../state.ts';

/** A state as the matrix has it: with how the end got there where that matters. */
export interface Row {
  /** `(active)`: after connect() and a simultaneous open; `(closed)`: by close(), so that no descriptor is left. */
  name: string;
  state: State;
  /** The events that lead there from CLOSED, and the state after each. */
  path: readonly Step[];
}
type Step = readonly [event: string, state: State];

const LISTENING: Step[] = [['call-listen', 'LISTEN']];
const RECEIVED: Step[] = [...LISTENING, ['syn-same', 'SYN-RECEIVED']];
const OPEN: Step[] = [...RECEIVED, ['ack-ok', 'ESTABLISHED']];
const SHUT: Step[] = [...OPEN, ['call-shutdown', 'FIN-WAIT-1']];
const ORPHANED: Step[] = [...OPEN, ['call-close', 'FIN-WAIT-1']];
const HALF_SHUT: Step[] = [...SHUT, ['ack-ok', 'FIN-WAIT-2']];
const HALF_ORPHANED: Step[] = [...ORPHANED, ['ack-ok', 'FIN-WAIT-2']];
const PEER_SHUT: Step[] = [...OPEN, ['fin', 'CLOSE-WAIT']];
const CONNECTING: Step[] = [['call-connect', 'SYN-SENT']];

export const ROWS: readonly Row[] = [
  { name: 'CLOSED', state: 'CLOSED', path: [] },
  { name: 'LISTEN', state: 'LISTEN', path: LISTENING },
  { name: 'SYN-SENT', state: 'SYN-SENT', path: CONNECTING },
  { name: 'SYN-RECEIVED', state: 'SYN-RECEIVED', path: RECEIVED },
  {
    name: 'SYN-RECEIVED (active)',
    state: 'SYN-RECEIVED',
    path: [...CONNECTING, ['syn-same', 'SYN-RECEIVED']],
  },
  { name: 'ESTABLISHED', state: 'ESTABLISHED', path: OPEN },
  { name: 'FIN-WAIT-1', state: 'FIN-WAIT-1', path: SHUT },
  { name: 'FIN-WAIT-1 (closed)', state: 'FIN-WAIT-1', path: ORPHANED },
  { name: 'FIN-WAIT-2', state: 'FIN-WAIT-2', path: HALF_SHUT },
  { name: 'FIN-WAIT-2 (closed)', state: 'FIN-WAIT-2', path: HALF_ORPHANED },
  { name: 'CLOSE-WAIT', state: 'CLOSE-WAIT', path: PEER_SHUT },
  { name: 'CLOSING', state: 'CLOSING', path: [...SHUT, ['fin', 'CLOSING']] },
  { name: 'LAST-ACK', state: 'LAST-ACK', path: [...PEER_SHUT, ['call-close', 'LAST-ACK']] },
  { name: 'TIME-WAIT', state: 'TIME-WAIT', path: [...HALF_SHUT, ['fin', 'TIME-WAIT']] },
  { name: 'TIME-WAIT (closed)', state: 'TIME-WAIT', path: [...HALF_ORPHANED, ['fin', 'TIME-WAIT']] },
];

/** Whether the end was opened by listen(), so that a connection that fails in the handshake leaves the listener. */
export function isPassive({ path }: Row): boolean {
  return path[0]?.[0] === 'call-listen';
}
