import type { StateExplanation } from './explanation.ts';

export const closed: StateExplanation = {
  brief: 'there is no connection',
  what: [
    'There is no connection. RFC 9293 calls the state fictional, because there is nothing to remember. On Linux a socket ' +
      'is in this state before connect() or listen(). It is in it again when its connection has ended and its ' +
      'descriptor is still open.',
  ],
  end: () => [
    'No timer runs, and the kernel never ends this state. The program calls listen() or connect(), or it closes the ' +
      'descriptor; then the socket is removed.',
  ],
  many: [
    'Many sockets in CLOSED are leaked descriptors. Their connections were reset or timed out, a call returned the ' +
      'error, and the program never called close(). They count against RLIMIT_NOFILE until accept() and open() fail ' +
      'with EMFILE.',
    'If new connections end here at once, the errno of connect() shows the cause:',
    {
      points: [
        'ECONNREFUSED: an RST or an ICMP port unreachable arrived. There is no listener, or a firewall rejects.',
        'EHOSTUNREACH: no neighbor replied to ARP, or an ICMP error arrived: host unreachable or administratively ' +
          'prohibited (over IPv6 the latter gives EACCES).',
        'ENETUNREACH: there is no route, on this machine or on a router that reports it.',
        'ETIMEDOUT: nothing replied; see SYN-SENT.',
        'EADDRNOTAVAIL: no local port is free for this destination; see TIME-WAIT.',
      ],
    },
  ],
  remedy: [
    {
      to: 'Count the sockets that a program holds, in any state:',
      run: 'ls -l /proc/PID/fd | grep -c socket:',
    },
    {
      to: 'Count its sockets that ss lists. The rest are unused or closed:',
      run: 'ss -tanp | grep -c pid=PID,',
    },
    {
      to: 'See the errno of each connect(), and whether close() follows:',
      run: 'strace -f -e trace=connect,close -p PID',
    },
    'A socket that is bound but not connected occupies its port, so another bind() fails with EADDRINUSE. ss lists ' +
      'such a socket only from Linux 6.8 and iproute2 6.8 on: ss -taB.',
  ],
  mistakes: [
    '"Connection refused means a firewall drops." A refusal is a reply. A firewall that drops gives ETIMEDOUT.',
    '"The kernel cleans up after an error." The descriptor stays until the program calls close().',
    '"An ICMP error ends a connection." It ends only an attempt to connect. On an ESTABLISHED connection Linux treats ' +
      'it as a hint and continues (RFC 9293, 3.9.2.2; RFC 5461).',
  ],
};
