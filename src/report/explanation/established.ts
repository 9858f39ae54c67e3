import { schedule } from '../../tcp/timers.ts';
import type { StateExplanation } from './explanation.ts';
import { duration, end, setting, times } from './words.ts';

export const established: StateExplanation = {
  what: [
    'The connection stands, as far as this end knows, and data flows both ways. The other end may know better: what ' +
      'this end has not been told it can’t see.',
  ],
  end: (sysctls) => {
    const data = schedule('data or FIN', sysctls);
    const keepalive = schedule('keepalive probe', sysctls);
    return [
      'Idle, nothing ends it: no timer runs, and it outlives cables, reboots of the peer, and years.',
      `With data under way that nobody acknowledges, it is sent again after about ${times(data)} (to a peer nearby), ` +
        `and the connection fails with ETIMEDOUT ${end(data)}. ${setting('retries2', sysctls)} stands for a time here, ` +
        'not for a number: the one that so many retransmissions would take. TCP_USER_TIMEOUT sets that time for one ' +
        'socket.',
      'With SO_KEEPALIVE, and only then, an idle peer is probed ' +
        `after ${duration(sysctls.keepaliveTimeS * 1000)}, and given up ${end(keepalive)} of silence ` +
        `(${setting('keepaliveTimeS', sysctls)}, ${setting('keepaliveIntervalS', sysctls)}, ` +
        `${setting('keepaliveProbes', sysctls)}).`,
      'A peer that acknowledges and does not read (window 0) is probed, ever more slowly up to ' +
        `${duration(sysctls.rtoMaxMs)} apart, for as long as it answers: without end.`,
    ];
  },
  many: [
    'Mostly that is the load. It is trouble when the peers are gone and this end does not know: behind a NAT or ' +
      'firewall that forgets idle flows, after a failover, with phones. Or when a pool only grows.',
    'Recv-Q that stays above 0 is your program, which does not read. Send-Q that stays above 0 is the peer or the way ' +
      'there.',
  ],
  remedy: [
    {
      run: "ss -tanoi state established '( dport = :5432 )'",
      does: 'timers, retransmissions, lastrcv: who has been silent for how long',
    },
    { run: 'ss -tanp state established', does: 'a row without a process has not been accepted yet' },
    {
      run: 'ss -K dst 192.0.2.1 dport = :5432',
      does: 'ends them here, with an error for the program and an RST for the peer (root)',
    },
    'In the program: SO_KEEPALIVE with TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT below the idle time of every NAT on ' +
      'the way (often 5 minutes or less), TCP_USER_TIMEOUT for data under way, and a heartbeat of the protocol’s own: ' +
      'only that shows that the peer’s program is alive, and not just its kernel.',
  ],
  mistakes: [
    'Keepalive is off unless the program turns it on; the sysctls only say how it goes then.',
    'Keepalive does not run while data is under way: retransmission rules then.',
    'tcp_retries1 ends nothing: from that time on the kernel only doubts the route.',
    'TCP_USER_TIMEOUT counts from the first retransmission, not from the first transmission; set, it also ends a ' +
      'keepalive in place of the number of probes, and a zero window though the peer answers.',
    'A send() that succeeded says that the kernel has the data. Nobody has told you that the peer has it.',
  ],
};
