import type { StateExplanation } from './explanation.ts';
import { setting } from './words.ts';

export const listen: StateExplanation = {
  brief: 'the socket waits for connections',
  what: [
    'The socket waits for connections to its port. It is not a connection, and on Linux it never becomes one. A SYN ' +
      'creates a request next to it (SYN-RECEIVED). A completed handshake creates a new socket in its accept queue, ' +
      'where the connection waits for accept().',
  ],
  end: (sysctls) => [
    'No timer runs. The state lasts until the last descriptor of the socket is closed, including those that children ' +
      'got by fork(). The connections in its accept queue are then reset.',
    `The accept queue holds one connection more than the backlog of listen(), which ${setting('somaxconn', sysctls)} ` +
      'caps. When it is full, the kernel silently drops SYNs and final ACKs ' +
      `(${setting('abortOnOverflow', sysctls)}; with 1 it answers the final ACK with RST). Clients retry by their own ` +
      'timers, the first time after 1 s.',
    sysctls.syncookies === 0
      ? `Syncookies are off (${setting('syncookies', sysctls)}). New SYNs are dropped when connections in SYN-RECEIVED ` +
        `fill the backlog, or more than three quarters of ${setting('maxSynBacklog', sysctls)}.`
      : sysctls.syncookies === 1
        ? 'When connections in SYN-RECEIVED fill the backlog, the kernel answers further SYNs with syncookies: it keeps ' +
          `no request, and the ACK brings back all that it needs (${setting('syncookies', sysctls)}).`
        : 'The kernel answers every SYN with a syncookie, so connections in SYN-RECEIVED take no space ' +
          `(${setting('syncookies', sysctls)}).`,
  ],
  many: [
    'Many listeners are harmless. One listener with a full accept queue is an outage that looks like a slow network. The ' +
      'program is stuck, is out of descriptors, or works in the same thread that accepts.',
  ],
  remedy: [
    {
      to: 'Find a full accept queue:',
      run: 'ss -ltn',
      note: 'For a listener Recv-Q is the accept queue and Send-Q the backlog. It is full if Recv-Q is greater.',
    },
    {
      to: 'Count overflows, since boot and over all listeners:',
      run: 'nstat -az TcpExtListenOverflows TcpExtListenDrops',
    },
    { to: 'Find the program (as root):', run: 'ss -ltnp sport = :80' },
    {
      to: 'Raise the limit. It takes effect when the program next calls listen():',
      run: 'sysctl -w net.core.somaxconn=8192',
    },
    'In the program: accept until EAGAIN, in a thread of its own. Use a backlog sized for the peak. With SO_REUSEPORT ' +
      'several listeners share the port.',
  ],
  mistakes: [
    '"A higher somaxconn helps every program." Not one that calls listen() with a backlog of 5.',
    '"A backlog of 0 admits no connection." It admits one.',
    '"tcp_max_syn_backlog limits SYN-RECEIVED." Only if syncookies are off. Otherwise the backlog is the limit.',
    '"ESTABLISHED means accepted." A connection is ESTABLISHED for its client, and for ss, before the program calls ' +
      'accept().',
    '"A listener can connect." RFC 9293 allows LISTEN to SYN-SENT, but on Linux connect() on a listener fails with ' +
      'EISCONN.',
  ],
};
