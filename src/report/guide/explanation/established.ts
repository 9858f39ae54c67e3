import { schedule } from '../../../tcp/timers.ts';
import type { StateExplanation } from './explanation.ts';
import { duration, end, setting, times } from './words.ts';

export const established: StateExplanation = {
  brief: 'the connection is open in both directions',
  what: [
    'As far as this end knows, the connection is open and data can flow both ways. The peer may already be gone without ' +
      'this end knowing; RFC 9293, 3.5.1 calls that a half-open connection.',
  ],
  end: (sysctls) => {
    const data = schedule('data or FIN', sysctls);
    const keepalive = schedule('keepalive probe', sysctls);
    return [
      'Without keepalive, nothing ends an idle connection. No timer runs, so it survives an unplugged cable, a reboot ' +
        'of the peer, and any length of time. Three timers can run:',
      {
        points: [
          `Data in flight: it is retransmitted after about ${times(data)} (to a peer with a short round trip). ` +
            `Without an ACK the connection fails with ETIMEDOUT ${end(data)}. ${setting('retries2', sysctls)} is a ` +
            'count, but Linux converts it to a time limit: how long that many retransmissions with exponential ' +
            'backoff would take. TCP_USER_TIMEOUT sets the limit for one socket.',
          'Idle, with SO_KEEPALIVE: the kernel sends the first probe after ' +
            `${duration(sysctls.keepaliveTimeS * 1000)}, and gives up ${end(keepalive)} without a reply ` +
            `(${setting('keepaliveTimeS', sysctls)}, ${setting('keepaliveIntervalS', sysctls)}, ` +
            `${setting('keepaliveProbes', sysctls)}).`,
          "Zero window: the peer's receive buffer is full because its program does not read. The kernel sends window " +
            `probes, up to ${duration(sysctls.rtoMaxMs)} apart, for as long as the peer replies: there is no timeout.`,
        ],
      },
    ];
  },
  many: [
    'Usually this is the load. It is a problem if the peers are gone and this end does not know: behind a NAT or ' +
      'firewall that dropped its entry, after a failover, with mobile clients. A connection pool that only grows is ' +
      'another.',
    'If Recv-Q stays above 0, your program is not reading. If Send-Q stays above 0, the peer or the path to it is the ' +
      'problem.',
  ],
  remedy: [
    {
      to: 'See timers, retransmissions, and how long the peer has been silent (lastrcv):',
      run: "ss -tanoi state established '( dport = :5432 )'",
    },
    {
      to: 'Find the program (as root). A row without a process has not been accepted yet:',
      run: 'ss -tanp state established',
    },
    {
      to: 'End them here (root). The program gets an error, and the peer an RST:',
      run: 'ss -K dst 192.0.2.1 dport = :5432',
    },
    'In the program: set SO_KEEPALIVE, with TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT below the idle timeout of every ' +
      'NAT on the path (often 5 min or less). Set TCP_USER_TIMEOUT for data in flight. Add a heartbeat to the ' +
      "protocol: only that shows that the peer's program works, and not only its kernel.",
  ],
  mistakes: [
    '"Keepalive is on by default." It is off unless the program turns it on; the sysctls only set its times.',
    '"Keepalive limits every wait." It does not run while data is in flight: the retransmission timer does.',
    '"tcp_retries1 ends connections." It ends nothing. From that time on the kernel only doubts the route.',
    '"TCP_USER_TIMEOUT counts from send()." It counts from the first retransmission. It also replaces the number of ' +
      'keepalive probes, and it ends a zero window even though the peer replies.',
    '"send() succeeded, so the peer has the data." The local kernel has the data. Nothing shows that the peer has it.',
  ],
};
