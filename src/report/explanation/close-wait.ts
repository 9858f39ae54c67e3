import { schedule } from '../../tcp/timers.ts';
import type { StateExplanation } from './explanation.ts';
import { end, setting } from './words.ts';

export const closeWait: StateExplanation = {
  what: [
    'The peer has closed; its FIN has been acknowledged, and recv() returns 0. The rest is up to this end’s program: ' +
      'TCP waits for it to close too.',
  ],
  end: (sysctls) => [
    'Nothing but the program: no timer runs, and no sysctl sets one. It can last as long as the process.',
    `The peer does not wait that long: its orphan is gone ${end(schedule('FIN-WAIT-2', sysctls, { orphan: true }))} (with ` +
      `${setting('finTimeoutS', sysctls)} as here). What this end sends then, data or a keepalive probe (if ` +
      'SO_KEEPALIVE is set), is answered with RST, and that ends it.',
  ],
  many: [
    'A bug in the program on this machine: it does not close what its peers have closed. A missing close() on an error ' +
      'path, a pool that never looks at idle connections, a thread that hangs. It ends with EMFILE.',
    'A row without a process was never accepted: then the program has stopped to accept, and the listener’s Recv-Q ' +
      'says so.',
  ],
  remedy: [
    {
      run: 'ss -tanp state close-wait',
      does: 'which program; Recv-Q of 1 or more: it has not even read up to the FIN',
    },
    { run: 'ss -ltn', does: 'for rows without process: the listener in whose accept queue they wait' },
    { run: 'ls -l /proc/PID/fd', does: 'with the inode of `ss -e`: which descriptor it is' },
    {
      run: 'gdb -p PID -batch -ex "thread apply all bt"',
      does: 'where the thread hangs that should read it',
    },
    {
      run: 'ss -K state close-wait',
      does: 'frees the connections, not the descriptors (root); until there is a fix',
    },
    'In the program: when recv() gives 0, close() (in every path, with `finally`, `defer` or a destructor). Ask epoll ' +
      'for EPOLLRDHUP, also on idle connections of a pool.',
  ],
  mistakes: [
    'No sysctl cures it, and tcp_fin_timeout does not even touch it. Keepalive, where the program asks for it, may end ' +
      'the connection once the peer is gone; the descriptor leaks all the same.',
    'It is not the network and not the peer: the peer has done its part.',
    'Linux answers the FIN with a bare ACK. A FIN-ACK comes only if the program closes at once.',
    'CLOSE-WAIT is not wrong by itself: a half-closed connection may well be sending a long answer.',
  ],
};
