import { schedule } from '../../tcp/timers.ts';
import type { StateExplanation } from './explanation.ts';
import { end, setting, times } from './words.ts';

export const synSent: StateExplanation = {
  what: [
    'connect() has been called, the SYN is on its way, and nothing has come back. It should last one round trip.',
  ],
  end: (sysctls) => {
    const syn = schedule('SYN', sysctls);
    const linear = sysctls.synLinearTimeouts ? ` and ${setting('synLinearTimeouts', sysctls)}` : '';
    return [
      `Without an answer the SYN is sent again after about ${times(syn)}, and connect() fails with ETIMEDOUT ` +
        `${end(syn)} (${setting('synRetries', sysctls)}${linear}).`,
      'An RST ends it at once with ECONNREFUSED, an ICMP error with an errno of its own. A program can be less patient: ' +
        'TCP_SYNCNT sets the number of retries for one socket, TCP_USER_TIMEOUT the time (though never less than the ' +
        'first timeout of 1 s), and close() gives it up.',
    ];
  },
  many: [
    'Someone does not answer: the peer is down, a firewall drops, a route leads nowhere, or the peer’s accept queue is ' +
      'full (its SYNs are dropped just as silently). All to one address: it is that service. To many: it is your side. ' +
      'Each holds a local port and, if connect() blocks, a thread.',
  ],
  remedy: [
    {
      run: 'ss -tano state syn-sent',
      does: 'to whom, and the timer: when the SYN is sent again, and how often it was',
    },
    {
      run: "tcpdump -ni any 'tcp[tcpflags] & tcp-syn != 0 and host 192.0.2.1'",
      does: 'whether the SYN leaves, and whether a SYN-ACK comes and is dropped here',
    },
    { run: 'ip route get 192.0.2.1', does: 'which way and from which address the SYN goes' },
    { run: 'nstat -az TcpExtListenDrops', does: 'on the server: SYNs that it saw and dropped' },
    'In the program: connect without blocking and poll with a deadline, or SO_SNDTIMEO, which connect() heeds. ' +
      'Leave the sysctl alone: it is every program’s.',
  ],
  mistakes: [
    'The timeout is not 75 s, nor 127 s: since Linux 6.5 the first timeouts are linear. Read the sysctls.',
    'tcp_syn_retries and the linear timeouts do not simply add up: the attempt also ends when the time is over that ' +
      'the retries alone would have taken with doubling.',
    'That the server lists nothing does not mean that the SYN did not arrive: a dropped SYN leaves no socket, and a ' +
      'capture sees it although the packet filter drops it.',
  ],
};
