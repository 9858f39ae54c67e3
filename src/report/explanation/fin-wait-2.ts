import { schedule } from '../../tcp/timers.ts';
import type { StateExplanation } from './explanation.ts';
import { end, setting } from './words.ts';

export const finWait2: StateExplanation = {
  what: [
    'This end has closed and the peer has acknowledged that. What is missing is the peer’s own FIN: it may still send, ' +
      'and its end is in CLOSE-WAIT until its program closes.',
  ],
  end: (sysctls) => {
    const orphan = schedule('FIN-WAIT-2', sysctls, { orphan: true });
    const trap =
      sysctls.finTimeoutS > 60
        ? 'That is not a slip: above 60 s Linux waits twice for what exceeds 60 s, so 61 is 2 s and only 120 is 120 s. '
        : '';
    return [
      'After shutdown(), with the descriptor open, there is no timer: it waits for the peer’s FIN without end. The ' +
        'program asked for it, since it may still want to read.',
      `After close() the orphan is forgotten ${end(orphan)} (${setting('finTimeoutS', sysctls)}; TCP_LINGER2 for one ` +
        `socket). ${trap}Data that comes meanwhile, for which nobody is left, is answered with RST.`,
    ];
  },
  many: [
    'The peers’ programs do not close: each of these is a CLOSE-WAIT over there. If they are orphans they go by ' +
      'themselves and cost little. If they have a process, it is yours that half-closed and waits.',
  ],
  remedy: [
    {
      run: 'ss -tanop state fin-wait-2',
      does: 'with a process: no timer; without: timer:(timewait,…) and the time left',
    },
    {
      run: 'ss -tan state fin-wait-2 | sort -k4',
      does: 'whose peers they are; then look for CLOSE-WAIT there',
    },
    { run: 'sysctl -w net.ipv4.tcp_fin_timeout=20', does: 'forgets orphans sooner' },
    'In the program: after shutdown(SHUT_WR) read until the end with a deadline, and then close().',
  ],
  mistakes: [
    'tcp_fin_timeout is this and only this. It does not change TIME-WAIT.',
    'It does not count while the descriptor is open.',
    'A higher value is not always longer: from 61 to 89 the wait is shorter than with 60.',
    'ss calls the timer of such an orphan “timewait”: it has been given the same small socket. The state is FIN-WAIT-2.',
  ],
};
