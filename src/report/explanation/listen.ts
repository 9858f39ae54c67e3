import type { StateExplanation } from './explanation.ts';
import { setting } from './words.ts';

export const listen: StateExplanation = {
  what: [
    'A socket that waits for connections to its port. It is no connection, and on Linux it never becomes one: a SYN ' +
      'makes a request (SYN-RECEIVED) beside it, and a finished handshake a new socket in its accept queue.',
  ],
  end: (sysctls) => [
    'No timer. It lasts until the last descriptor that refers to it is closed: also those that a fork() gave to ' +
      'children. Connections that wait in its accept queue are then reset.',
    `The accept queue holds one connection more than the backlog of listen(), which ${setting('somaxconn', sysctls)} ` +
      'caps. When it is full, SYNs and final ACKs are dropped without a word ' +
      `(${setting('abortOnOverflow', sysctls)}; with 1 the final ACK is answered with RST), and clients try again by ` +
      'their own timers, the first time after 1 s.',
    sysctls.syncookies === 0
      ? `Syncookies are off (${setting('syncookies', sysctls)}): when half-open connections fill the backlog, or come ` +
        `near ${setting('maxSynBacklog', sysctls)}, new SYNs are dropped.`
      : sysctls.syncookies === 1
        ? `When half-open connections fill the backlog, SYNs are answered with syncookies (${setting('syncookies', sysctls)}).`
        : `Every SYN is answered with a syncookie (${setting('syncookies', sysctls)}): half-open connections take no room.`,
  ],
  many: [
    'Many listeners are harmless. One with a full accept queue is an outage that looks like a slow network: a program ' +
      'that is stuck, out of descriptors, or accepts in the same thread in which it works.',
  ],
  remedy: [
    {
      run: 'ss -ltn',
      does: 'for a listener Recv-Q is the accept queue and Send-Q the backlog: full when Recv-Q is greater',
    },
    {
      run: 'nstat -az TcpExtListenOverflows TcpExtListenDrops',
      does: 'how often a queue was full, since boot, over all listeners',
    },
    { run: 'ss -ltnp sport = :80', does: 'whose listener it is' },
    {
      run: 'sysctl -w net.core.somaxconn=8192',
      does: 'lifts the cap; the program has to call listen() again to profit',
    },
    'In the program: accept in a loop until EAGAIN, in a thread of its own; a backlog that fits the bursts; ' +
      'SO_REUSEPORT to have several listeners share the port.',
  ],
  mistakes: [
    'A higher somaxconn does nothing for a program that asks for a backlog of 5.',
    'A backlog of 0 still admits one connection.',
    'tcp_max_syn_backlog counts only where syncookies are off. Otherwise the backlog is the limit for half-open ' +
      'connections as well.',
    'A connection is ESTABLISHED for its client, and for ss, before the program has accepted it.',
    'LISTEN to SYN-SENT, which RFC 9293 has, is refused by Linux: connect() on a listener gives EISCONN.',
  ],
};
