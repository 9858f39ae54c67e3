import { schedule } from '../../../tcp/timers.ts';
import type { StateExplanation } from './explanation.ts';
import { endBy, setting } from './words.ts';

export const finWait2: StateExplanation = {
  brief: 'this end has closed; the peer has not',
  what: [
    "This end has closed, and the peer has acknowledged the FIN. The peer's own FIN has not arrived yet. The peer may " +
      'still send data; it is in CLOSE-WAIT until its program closes.',
  ],
  end: (sysctls) => {
    const orphan = schedule('FIN-WAIT-2', sysctls, { orphan: true });
    const trap =
      sysctls.finTimeoutS > 60
        ? ' This time is correct: above 60 s Linux waits twice for the part that exceeds 60 s. So 61 gives 2 s, and ' +
          'only 120 gives 120 s.'
        : '';
    return [
      'The time limit depends on whether a process still holds the socket:',
      {
        points: [
          "After shutdown(), with the descriptor open, there is no timeout: the kernel waits for the peer's FIN, because " +
            'the program may still want to read. With SO_KEEPALIVE, unanswered keepalive probes end it.',
          `After close() the socket is orphaned, and the kernel removes it ` +
            `${endBy(orphan, `${setting('finTimeoutS', sysctls)}; TCP_LINGER2 sets it for one socket`)}.${trap} Data that arrives before ` +
            'that is answered with RST, because no program can read it.',
        ],
      },
    ];
  },
  many: [
    "The peers' programs do not close: each row here is a CLOSE-WAIT at the peer. Orphans end by themselves and cost " +
      'little. A row with a process is a connection that your own program half-closed, and that it is still waiting for.',
  ],
  remedy: [
    {
      to: 'Distinguish the two kinds (as root):',
      run: 'ss -tanop state fin-wait-2',
      note: 'With a process: no timer. Without: timer:(timewait,…) and the time left.',
    },
    {
      to: 'Group them by peer; then search for CLOSE-WAIT there:',
      run: 'ss -tan state fin-wait-2 | sort -k4',
    },
    { to: 'Remove orphans sooner:', run: 'sysctl -w net.ipv4.tcp_fin_timeout=20' },
    'In the program: after shutdown(SHUT_WR) read until the end of file, with a deadline, and then call close().',
  ],
  mistakes: [
    '"tcp_fin_timeout shortens TIME-WAIT." It applies to orphaned FIN-WAIT-2 sockets and nothing else.',
    '"tcp_fin_timeout ends every FIN-WAIT-2." It does not apply while a process still has the descriptor open.',
    '"A higher value always waits longer." With 61 to 89 the wait is shorter than with 60.',
    '"ss shows the timer timewait, so this is TIME-WAIT." Linux moves such an orphan into the same small structure. The ' +
      'state is FIN-WAIT-2.',
  ],
};
