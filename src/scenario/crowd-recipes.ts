import type { HostName } from '../evidence/events.ts';
import type { State } from '../tcp/state.ts';

/** One of the things that are done for each connection of a crowd, by the end that does it. */
export type CrowdStep =
  | { do: 'connect' | 'accept' | 'receive' | 'shutdown' | 'close' | 'abort'; at: HostName }
  | { do: 'send'; at: HostName; data: string }
  /** From here on a rule of this end drops all that comes to it, or that it sends, of these connections. */
  | { do: 'drop'; at: HostName; hook: 'in' | 'out' }
  /** The rules that were set for these connections are lifted. */
  | { do: 'lift' }
  /** They are waited for in the socket table. */
  | { do: 'see'; at: HostName; state: State };

const clients = (call: 'connect' | 'receive' | 'shutdown' | 'close' | 'abort'): CrowdStep => ({
  do: call,
  at: 'client',
});
const servers = (call: 'connect' | 'accept' | 'receive' | 'close'): CrowdStep => ({ do: call, at: 'server' });
const drop = (at: HostName, hook: 'in' | 'out'): CrowdStep => ({ do: 'drop', at, hook });
const see = (at: HostName, state: State): CrowdStep => ({ do: 'see', at, state });
const send = (at: HostName, data: string): CrowdStep => ({ do: 'send', at, data });
const OPEN = [clients('connect'), servers('accept')];

/** By the scenario's name, what it does to a connection, in as few calls as its state needs. */
export const RECIPES: Readonly<Record<string, readonly CrowdStep[]>> = {
  'syn-sent': [drop('server', 'in'), clients('connect')],
  'syn-sent-dropped-at-client': [drop('client', 'out'), clients('connect')],
  'syn-received': [drop('client', 'in'), clients('connect')],
  'syn-received-simultaneous-open': [drop('server', 'in'), clients('connect'), servers('connect')],
  established: [
    ...OPEN,
    send('client', 'ping'),
    servers('receive'),
    send('server', 'pong'),
    clients('receive'),
  ],
  'half-open': [...OPEN, drop('server', 'in'), drop('server', 'out'), clients('abort')],
  'fin-wait-1': [...OPEN, drop('server', 'in'), clients('close')],
  'fin-wait-1-descriptor-open': [...OPEN, drop('server', 'in'), clients('shutdown')],
  // A FIN that is read takes none of the memory that all sockets of the machine share (tcp_mem).
  'close-wait': [...OPEN, clients('close'), servers('receive')],
  'close-wait-never-accepted': [clients('connect'), see('server', 'ESTABLISHED'), clients('close')],
  'fin-wait-2': [...OPEN, clients('shutdown'), servers('receive')],
  'fin-wait-2-orphaned': [...OPEN, clients('close'), servers('receive')],
  closing: [...OPEN, drop('server', 'in'), clients('shutdown'), servers('close')],
  'last-ack': [
    ...OPEN,
    drop('client', 'in'),
    clients('close'),
    see('server', 'CLOSE-WAIT'),
    servers('close'),
  ],
  // The server's receive() gives the end of the client's data.
  'time-wait': [...OPEN, clients('close'), servers('receive'), servers('close')],
  'time-wait-four-segments': [...OPEN, clients('close'), see('client', 'FIN-WAIT-2'), servers('close')],
  'time-wait-both': [
    ...OPEN,
    drop('server', 'in'),
    clients('shutdown'),
    servers('close'),
    see('client', 'CLOSING'),
    { do: 'lift' },
  ],
};

const NO_ROW = 'the socket table has no row of it to count';

/** Of those of the catalogue that have no recipe, why. */
export const WHY_NOT: Readonly<Record<string, string>> = {
  listen: 'a single listener serves any number of connections',
  'syn-received-dropped-at-server':
    "the kernel removes a request whose SYN-ACK it can't retransmit, and the client's next SYN makes another; use syn-received",
  'syn-flood': 'it already is many connections, against a backlog that is too small; use syn-received',
  'closed-refused': NO_ROW,
  'closed-rejected-rst': NO_ROW,
  'closed-rejected-icmp': NO_ROW,
  bound: NO_ROW,
  'accept-queue-full': 'it shows the queue of a single listener; use syn-sent for many SYN-SENT',
  'syn-received-accept-queue-full': 'it shows the queue of a single listener; use syn-received',
  'syn-received-deferred': 'its listener waits for data for some seconds only; use syn-received',
  'fin-wait-1-behind-data': 'each needs some megabytes of unsent data; use fin-wait-1',
  'last-ack-behind-data': 'each needs some megabytes of unsent data; use last-ack',
  'close-wait-sending': 'each needs unacknowledged data; use close-wait',
  'established-fast-open': 'the socket table shows it as ESTABLISHED, like every other connection',
  'self-connect': 'each would connect to a port of its own; use established',
  'time-wait-reused': 'the socket table shows it as ESTABLISHED, like every other connection',
  'zero-window': 'the socket table shows it as ESTABLISHED, like every connection that can send',
};
