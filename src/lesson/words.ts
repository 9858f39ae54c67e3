import type { Condition } from '../evidence/condition-names.ts';
import type { Connection } from '../evidence/connection.ts';
import { HOSTS, type HostName } from '../evidence/host-name.ts';
import { formatEndpoint } from '../tcp/endpoint.ts';
import type { SocketRow } from '../tcp/socket-row.ts';
import type { State } from '../tcp/state.ts';

/** The sentences in which a lesson reports what it sees. */

export function connectionWords({ client, server }: Connection): string {
  if (client.port === 0) return formatEndpoint(server);
  if (server.port === 0) return formatEndpoint(client);
  return `${formatEndpoint(client)} to ${formatEndpoint(server)}`;
}

/** `the server in CLOSE-WAIT and the client in FIN-WAIT-2` */
export function statesWords(states: Partial<Record<HostName, State>>): string {
  return HOSTS.flatMap((host) => (states[host] ? `the ${host} in ${states[host]}` : [])).join(' and ');
}

/** For a state that a step requires, and one that is seen in its place: the event or the call that makes the difference. */
const BETWEEN: Partial<Record<State, Partial<Record<State, string>>>> = {
  'SYN-SENT': {
    CLOSED: 'connect() has not sent a SYN, or has failed',
    ESTABLISHED: 'its SYN was answered, so the handshake went on',
  },
  'SYN-RECEIVED': {
    LISTEN: 'a listener is not a connection: no SYN has arrived that is still unanswered',
    'SYN-SENT': 'no SYN of the peer has arrived',
    ESTABLISHED: 'the last ACK of the handshake has arrived',
  },
  ESTABLISHED: {
    'SYN-SENT': 'no SYN-ACK has arrived',
    'SYN-RECEIVED': 'the last ACK of the handshake has not arrived',
  },
  'FIN-WAIT-1': {
    ESTABLISHED: 'its program has not closed',
    'FIN-WAIT-2': 'the ACK of its FIN has arrived',
    CLOSING: "the peer's FIN has arrived as well",
    'TIME-WAIT': 'both FINs are acknowledged',
  },
  'FIN-WAIT-2': {
    ESTABLISHED: 'its program has not closed',
    'FIN-WAIT-1': 'the ACK of its FIN has not arrived',
    'TIME-WAIT': "the peer's FIN has arrived: the peer has closed too",
    'CLOSE-WAIT': 'the peer closed first',
  },
  'CLOSE-WAIT': {
    ESTABLISHED: 'no FIN of the peer has arrived',
    'LAST-ACK': 'its program has closed too',
    'FIN-WAIT-2': 'this end closed first',
  },
  CLOSING: {
    'FIN-WAIT-1': "it has closed, and the peer's FIN has not arrived: CLOSING needs both FINs before an ACK",
    'FIN-WAIT-2': 'the ACK of its FIN arrived before a FIN of the peer',
    'TIME-WAIT': 'the ACK of its FIN has arrived',
    'LAST-ACK': "it closed after the peer's FIN had arrived; for CLOSING it closes before",
    'CLOSE-WAIT': 'the peer closed first, and its FIN arrived',
  },
  'LAST-ACK': {
    'CLOSE-WAIT': 'its program has not closed yet',
    CLOSING: 'it closed before the FIN of the peer arrived',
    'FIN-WAIT-1': "it closed first: in LAST-ACK, the peer's FIN has come before",
  },
  'TIME-WAIT': {
    'FIN-WAIT-1': 'its FIN is not acknowledged',
    'FIN-WAIT-2': 'the peer has not closed',
    CLOSING: 'the ACK of its FIN has not arrived',
    'LAST-ACK': 'it closed second; TIME-WAIT is where the first one ends',
  },
};

/** Why `seen` is not `asked`, where there is more to say than the names. */
export function differenceWords(asked: State, seen: State): string | null {
  return BETWEEN[asked]?.[seen] ?? null;
}

const ASKED: Partial<Record<Condition, string>> = {
  'descriptor-open': 'a program that has it open and does not close',
  orphaned: 'a socket that its program has closed',
  'never-accepted': 'a connection that the program never accepted',
  'accept-queue-full': 'a full accept queue',
  'persist-timer': 'window probes, which a zero window causes',
  'retransmission-timer': 'a segment that is retransmitted',
  'after-time-wait': 'a port that was in TIME-WAIT just before',
  'accept-deferred': 'a listener with TCP_DEFER_ACCEPT',
};

/** What the evidence has against a condition, in the words of somebody who wants to know what to do next. */
export function conditionWords(
  condition: Condition,
  { host, state }: { host: HostName; state: State },
  row: SocketRow | undefined,
  because: string,
): string {
  const why = condition === 'descriptor-open' && row?.inode === 0 ? withoutProcess(state) : because;
  return `the ${host} is in ${state}, but ${why}; the step asks for ${ASKED[condition] ?? condition}`;
}

/** Linux lists no descriptor for it: who had it, the state tells. */
function withoutProcess(state: State): string {
  const isUnaccepted = state === 'CLOSE-WAIT' || state === 'ESTABLISHED';
  const why = isUnaccepted
    ? 'that is a connection never accepted'
    : 'its program has closed it, or has exited';
  return `its socket has no process: ${why}`;
}
