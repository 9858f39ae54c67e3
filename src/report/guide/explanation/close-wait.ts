import { schedule } from '../../../tcp/timers.ts';
import type { StateExplanation } from './explanation.ts';
import { endBy, setting } from './words.ts';

export const closeWait: StateExplanation = {
  brief: 'the peer has closed; this program has not',
  what: [
    'The peer has closed its side: its FIN has arrived and been acknowledged. recv() returns 0 once all data has been ' +
      'read. TCP is now waiting for this program to close its side too.',
  ],
  end: (sysctls) => [
    'There is no timeout for the state itself, and no sysctl adds one. A timer runs only while this end sends:',
    {
      points: [
        'While nothing is in flight, no timer runs, so the state can last as long as the process.',
        'While data is in flight, the retransmission timer runs as in ESTABLISHED (`tcplab hold close-wait-sending`). If no ' +
          'ACK arrives, the connection fails with ETIMEDOUT ' +
          `${endBy(schedule('data or FIN', sysctls), setting('retries2', sysctls))}. TCP_USER_TIMEOUT replaces that time.`,
        'If the peer has no space for the data, the persist timer sends window probes.',
        'With SO_KEEPALIVE, unanswered keepalive probes end it.',
        'The peer usually gives up first. A peer that called close() forgets the connection ' +
          `${endBy(schedule('FIN-WAIT-2', sysctls, { orphan: true }), `with ${setting('finTimeoutS', sysctls)}, as here`)}. ` +
          'If this end then sends data or a keepalive probe, the peer replies with RST, which ends the connection.',
      ],
    },
  ],
  many: [
    'The program on this machine has a bug: it does not close connections that its peers have closed. Usual causes are ' +
      'a missing close() on an error path, a connection pool that never checks idle connections, and a stuck thread. ' +
      'Each connection leaks a descriptor, until accept() and open() fail with EMFILE.',
    'A row without a process can have two causes. Without root, ss hides the processes of other users. As root, it is ' +
      "a connection that was never accepted: the program has stopped calling accept(), and the listener's Recv-Q " +
      'shows how many are waiting.',
  ],
  remedy: [
    {
      to: 'Find the program (as root, to see every process):',
      run: 'ss -tanp state close-wait',
      note: 'Recv-Q of 1 or more: it has not read the end of file yet (the FIN counts as one byte).',
    },
    {
      to: 'For rows without a process, find the listener whose accept queue they are in:',
      run: 'ss -ltn',
    },
    { to: 'Find the descriptor, by the inode that ss -e prints:', run: 'ls -l /proc/PID/fd' },
    { to: 'See where the program is stuck:', run: 'gdb -p PID -batch -ex "thread apply all bt"' },
    {
      to: 'Until it is fixed, destroy the connections (root). This does not free the descriptors:',
      run: 'ss -Kt state close-wait',
    },
    'Fix the program: call close() when recv() returns 0, on every path (use finally, defer or a destructor). Ask ' +
      'epoll for EPOLLRDHUP on idle pooled connections too.',
  ],
  mistakes: [
    '"A sysctl will fix it." None does, and tcp_fin_timeout does not apply. Keepalive can end the connection once the ' +
      'peer is gone, but the descriptor still leaks.',
    '"It is the network, or the peer." The peer has already done its part.',
    '"The FIN is answered with FIN-ACK." The kernel acknowledges a FIN on its own. It sends its own FIN when the program ' +
      'closes, and only if that happens before the ACK has left does one segment carry both.',
    '"CLOSE-WAIT is always wrong." A half-closed connection may still be sending a long response.',
  ],
};
