/** The states of a TCP connection, as RFC 9293, 3.3.2 writes them. */
export const STATES = [
  'CLOSED',
  'LISTEN',
  'SYN-SENT',
  'SYN-RECEIVED',
  'ESTABLISHED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSE-WAIT',
  'CLOSING',
  'LAST-ACK',
  'TIME-WAIT',
] as const;

export type State = (typeof STATES)[number];

/**
 * Linux's numbers (include/net/tcp_states.h). 12 is a request socket (sock_diag shows it as 3), 13 a socket that
 * is bound and not connected: both are states of the RFC under another name.
 */
const LINUX_STATES: Record<number, State> = {
  1: 'ESTABLISHED',
  2: 'SYN-SENT',
  3: 'SYN-RECEIVED',
  4: 'FIN-WAIT-1',
  5: 'FIN-WAIT-2',
  6: 'TIME-WAIT',
  7: 'CLOSED',
  8: 'CLOSE-WAIT',
  9: 'LAST-ACK',
  10: 'LISTEN',
  11: 'CLOSING',
  12: 'SYN-RECEIVED',
  13: 'CLOSED',
};

/** The state behind a number that the kernel gave. */
export function stateOfLinux(number: number): State {
  const state = LINUX_STATES[number];
  if (!state) throw new RangeError(`the kernel reported TCP state ${number}, which tcplab does not know`);
  return state;
}

/** The number that sock_diag(7) shows for a state of a connection: the first, where Linux has more than one. */
export function linuxNumberOf(state: State): number {
  const number = Object.entries(LINUX_STATES).find(([, name]) => name === state)?.[0];
  if (number === undefined) throw new RangeError(`Linux has no number for ${state}`);
  return Number(number);
}

const ALIASES: Record<string, State> = {
  ESTAB: 'ESTABLISHED',
  SYNRECV: 'SYN-RECEIVED',
  SYNRCVD: 'SYN-RECEIVED',
  NEWSYNRECV: 'SYN-RECEIVED',
  CLOSE: 'CLOSED',
  UNCONN: 'CLOSED',
};

/** Reads a state in any spelling that a tool prints: `FIN_WAIT1`, `fin-wait-1`, `finwait1`, `ESTAB`, `SYN_RECV`. */
export function parseState(text: string): State | undefined {
  if (typeof text !== 'string') return undefined;
  const bare = text.toUpperCase().replace(/[^A-Z0-9]/g, '');
  return STATES.find((state) => state.replaceAll('-', '') === bare) ?? ALIASES[bare];
}
