import { schedule } from '../../../tcp/timers.ts';
import type { StateExplanation } from './explanation.ts';
import { endBy, setting, times } from './words.ts';

export const synSent: StateExplanation = {
  brief: 'the SYN is sent; no reply yet',
  what: [
    'The program has called connect(), and the kernel has sent the SYN. No reply has arrived yet. The state should last ' +
      'one round trip.',
  ],
  end: (sysctls) => {
    const syn = schedule('SYN', sysctls);
    const linear = sysctls.synLinearTimeouts ? ` and ${setting('synLinearTimeouts', sysctls)}` : '';
    return [
      `Without a reply the kernel retransmits the SYN after about ${times(syn)}. connect() fails with ETIMEDOUT ` +
        `${endBy(syn, `${setting('synRetries', sysctls)}${linear}`)}.`,
      'An RST ends it at once with ECONNREFUSED, and an ICMP error with an errno of its own.',
      'A program can wait for less time. TCP_SYNCNT sets the number of retransmissions for one socket. ' +
        'TCP_USER_TIMEOUT sets the time, but not less than the first timeout of 1 s. close() gives up at once.',
    ];
  },
  many: [
    "Nothing is replying: the peer is down, a firewall drops the SYNs, a route leads nowhere, or the peer's accept " +
      'queue is full (its kernel then drops SYNs just as silently).',
    'If all SYNs go to one address, the problem is that service. If they go to many addresses, the problem is on your ' +
      'side. Each connection holds a local port and, if connect() blocks, a thread.',
  ],
  remedy: [
    {
      to: 'See the destinations, and when the SYN is next retransmitted:',
      run: 'ss -tano state syn-sent',
      note: 'timer:(on,800ms,2): the next SYN in 800 ms, after 2 retransmissions.',
    },
    {
      to: 'See whether the SYN leaves, and whether a SYN-ACK arrives that is dropped here:',
      run: "tcpdump -ni any 'tcp[tcpflags] & tcp-syn != 0 and host 192.0.2.1'",
    },
    { to: 'See the route and the source address of the SYN:', run: 'ip route get 192.0.2.1' },
    {
      to: 'On the server, count the SYNs that arrived and were dropped:',
      run: 'nstat -az TcpExtListenDrops',
    },
    'In the program: use a non-blocking connect() and poll() with a deadline, or SO_SNDTIMEO, which connect() honors. ' +
      "Don't change the sysctl: it affects every program on the machine.",
  ],
  mistakes: [
    '"The timeout is always 127 s." Since Linux 6.5 the first timeouts are linear, and every sysctl can differ.',
    '"Linear timeouts and retries add up." Not entirely: the attempt also ends after the time that the retries alone ' +
      'would have taken with doubling.',
    '"The server lists nothing, so the SYN did not arrive." A dropped SYN leaves no socket. A capture on the server shows ' +
      'it, because packets are captured before the packet filter.',
  ],
};
